"""From estimates to beliefs, and from a belief to what a price would sell."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from datetime import datetime
from zlib import crc32

import numpy as np

from services.pricing.evidence.rules.elasticity import Finding, finding, fitted
from services.pricing.evidence.rules.estimates import Reason
from services.pricing.evidence.rules.fitted import Fit, Fitted, Lately, Own
from services.pricing.evidence.rules.pooling import common
from services.pricing.evidence.rules.posterior import (
    DRAWS,
    Belief,
    Foretold,
    Learnt,
    Thin,
    quantiles,
    units_per_day,
)
from services.pricing.evidence.rules.sandwich import Numbers
from services.pricing.evidence.rules.series import Observed, series

_MOST_UNITS = 1e15


def fit(observed: Observed) -> list[Fitted]:
    """What each tier's own days say."""
    by_tier = series(observed)
    return [fitted(tier, by_tier.get(tier.tier_id)) for tier in observed.tiers]


def believe(
    some: Sequence[Fitted], owns: Sequence[Own | None], seed: int, as_of: datetime
) -> dict[str, Learnt]:
    """What is known of some tiers, given what all of them said of themselves, these among them.

    The same data and seed give the same answer, however the tiers are divided.
    """
    among = common(owns)
    return {one.tier.tier_id: _learnt(one, finding(one, among), seed, as_of) for one in some}


def _learnt(own: Fitted, found: Finding, seed: int, as_of: datetime) -> Learnt:
    return Learnt(found.estimate, _believed(own, found, seed, as_of))


def _believed(own: Fitted, found: Finding, seed: int, as_of: datetime) -> Belief | Thin:
    tier, lately, reasons = own.tier, own.lately, found.estimate.reasons
    if not tier.price_minor:
        reasons = (*reasons, Reason.NO_TIER_PRICE)
    elif not reasons and (lately is None or not sum(lately.units)):
        reasons = (Reason.TOO_FEW_SALES,)
    if reasons or lately is None or own.fit is None or not tier.price_minor:
        return Thin(reasons, as_of, found.estimate)
    seed += crc32(tier.tier_id.encode())
    generator = np.random.default_rng(seed)
    elasticities = found.pooled.draw(generator, DRAWS)
    units = _levels(lately, own.fit, tier.price_minor, elasticities, generator)
    return Belief(
        tier_id=tier.tier_id,
        currency=tier.currency,
        price_minor=tier.price_minor,
        draws_elasticity=array("d", elasticities.tolist()),
        draws_units=array("d", units.tolist()),
        dispersion=own.fit.dispersion,
        estimate=found.estimate,
        seed=seed,
        as_of=as_of,
        lowest_minor=math.floor(lately.lowest),
        highest_minor=math.ceil(lately.highest),
    )


def _levels(
    lately: Lately,
    fit: Fit,
    price_minor: int,
    elasticities: Numbers,
    generator: np.random.Generator,
) -> Numbers:
    """Expected units per day at today's price and without promotion, world by world.

    What was sold lately, over the days as they would count at today's price; gamma about it, as
    wide as counts of that dispersion are.
    """
    steps = np.log(np.asarray(lately.prices) / price_minor)
    lifts = fit.promotion_effect * np.asarray(lately.promotion)
    days = np.exp(np.outer(elasticities, steps) + lifts).sum(axis=1)
    sold = sum(lately.units)
    levels: Numbers = generator.gamma(sold / fit.dispersion, fit.dispersion, len(days)) / days
    return levels


def foretell(belief: Belief, price_minor: int, days: int, cost_minor: int) -> Foretold:
    """What a price sells in so many days: the belief's worlds, each with the noise of its days."""
    generator = np.random.default_rng((belief.seed, price_minor, days))
    units = _sold(belief, price_minor, days, generator)
    same = _sold(belief, belief.price_minor, days, generator)
    return Foretold(
        units=quantiles(units.tolist()),
        revenue=quantiles((units * price_minor).tolist()),
        margin=quantiles((units * (price_minor - cost_minor)).tolist()),
        units_at_current_price=quantiles(same.tolist()),
    )


def _sold(belief: Belief, price_minor: int, days: int, generator: np.random.Generator) -> Numbers:
    """Counts about their expectation, of the belief's dispersion."""
    expected = np.minimum(np.asarray(units_per_day(belief, price_minor)) * days, _MOST_UNITS)
    excess = belief.dispersion - 1
    if excess > 0:
        expected = generator.gamma(np.maximum(expected / excess, 1e-9), excess)
    return np.asarray(generator.poisson(expected), dtype=np.float64)

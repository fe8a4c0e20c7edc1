"""From estimates to beliefs, and from a belief to what a price would sell."""

from __future__ import annotations

import math
from array import array
from datetime import datetime
from zlib import crc32

import numpy as np

from services.pricing.evidence.rules.elasticity import Finding, findings
from services.pricing.evidence.rules.estimates import Reason
from services.pricing.evidence.rules.posterior import (
    DRAWS,
    Belief,
    Foretold,
    Learnt,
    Thin,
    quantiles,
    units_per_day,
)
from services.pricing.evidence.rules.regression import Fit
from services.pricing.evidence.rules.sandwich import Numbers
from services.pricing.evidence.rules.series import Observed, Series, Tier, series

_RECENT = 28
"""Days, in whole weeks, from which today's level is taken."""
_MOST_UNITS = 1e15


def learn(observed: Observed, seed: int, as_of: datetime) -> dict[str, Learnt]:
    """What is known of every tier. The same data and seed give the same answer."""
    by_tier = series(observed)
    found = findings([tier.tier_id for tier in observed.tiers], by_tier)
    return {
        tier.tier_id: Learnt(
            found[tier.tier_id].estimate,
            _believed(tier, found[tier.tier_id], by_tier.get(tier.tier_id), seed, as_of),
        )
        for tier in observed.tiers
    }


def _believed(
    tier: Tier, finding: Finding, own: Series | None, seed: int, as_of: datetime
) -> Belief | Thin:
    reasons = finding.estimate.reasons
    if not tier.price_minor:
        reasons = (*reasons, Reason.NO_TIER_PRICE)
    elif not reasons and (own is None or not sum(own.units[-_RECENT:])):
        reasons = (Reason.TOO_FEW_SALES,)
    if reasons or own is None or finding.fit is None or not tier.price_minor:
        return Thin(reasons, as_of, finding.estimate)
    seed += crc32(tier.tier_id.encode())
    generator = np.random.default_rng(seed)
    elasticities = finding.pooled.draw(generator, DRAWS)
    units = _levels(own, finding.fit, tier.price_minor, elasticities, generator)
    return Belief(
        tier_id=tier.tier_id,
        currency=tier.currency,
        price_minor=tier.price_minor,
        draws_elasticity=array("d", elasticities.tolist()),
        draws_units=array("d", units.tolist()),
        dispersion=finding.fit.dispersion,
        estimate=finding.estimate,
        seed=seed,
        as_of=as_of,
        lowest_minor=math.floor(min(own.prices)),
        highest_minor=math.ceil(max(own.prices)),
    )


def _levels(
    own: Series,
    fit: Fit,
    price_minor: int,
    elasticities: Numbers,
    generator: np.random.Generator,
) -> Numbers:
    """Expected units per day at today's price and without promotion, world by world.

    What was sold lately, over the days as they would count at today's price; gamma about it, as
    wide as counts of that dispersion are.
    """
    steps = np.log(np.asarray(own.prices[-_RECENT:]) / price_minor)
    lifts = fit.promotion_effect * np.asarray(own.promotion[-_RECENT:])
    days = np.exp(np.outer(elasticities, steps) + lifts).sum(axis=1)
    sold = sum(own.units[-_RECENT:])
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

"""What is believed of a tier's demand: many worlds, each with its elasticity and its level.

The worlds are drawn once, by a seed, where the statistics are made. Everything here is plain
arithmetic over them: it needs no library, and one price is quick enough for the service's own loop.
Who tries many prices does it where the statistics are made.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.pricing.evidence.rules.estimates import Estimate, Reason

DRAWS = 4_000
"""Worlds of a belief: the Monte Carlo error of a share is at most 0.008."""
_MOST_MINOR = 1e18
"""A million times the largest price: more than that is told of nothing."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a tier.

    In world `i` a price `p` sells `draws_units[i] * (p / price_minor) ** draws_elasticity[i]` units
    on an average day.
    """

    tier_id: str
    currency: str
    price_minor: int
    """Today's price, at which `draws_units` hold."""
    draws_elasticity: array[float]
    draws_units: array[float]
    """Expected units per day at today's price."""
    dispersion: float
    """Variance of what is sold in many days over its mean; 1 is that of a Poisson process."""
    estimate: Estimate
    seed: int
    as_of: datetime
    lowest_minor: int
    """The lowest price that was ever seen: below it, and above the highest, nobody knows."""
    highest_minor: int


@dataclass(frozen=True, slots=True)
class Thin:
    """The data cannot tell, and why; the estimate then holds the prior's numbers."""

    reasons: tuple[Reason, ...]
    as_of: datetime
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A tenth of the belief is below `p10`, half below `p50`, nine tenths below `p90`."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known of a tier: the estimate, and the belief that it gives or why there is none."""

    estimate: Estimate
    believed: Belief | Thin


@dataclass(frozen=True, slots=True)
class Foretold:
    """What a price sells, amounts in minor units."""

    units: Quantiles
    revenue: Quantiles
    margin: Quantiles
    units_at_current_price: Quantiles


def rebased(believed: Belief | Thin, price_minor: int) -> Belief | Thin:
    """The same belief, told from another price of today: it may have changed since the estimate."""
    if isinstance(believed, Thin) or price_minor == believed.price_minor:
        return believed
    if price_minor <= 0:
        return Thin((Reason.NO_TIER_PRICE,), believed.as_of, believed.estimate)
    units = array("d", units_per_day(believed, price_minor))
    return replace(believed, price_minor=price_minor, draws_units=units)


def demand_ratios(belief: Belief, price_minor: int) -> list[float]:
    """Demand at that price over demand at today's, world by world."""
    step = math.log(price_minor / belief.price_minor)
    return [math.exp(elasticity * step) for elasticity in belief.draws_elasticity]


def units_per_day(belief: Belief, price_minor: int) -> list[float]:
    """Expected units per day at that price, world by world."""
    ratios = demand_ratios(belief, price_minor)
    return [units * ratio for units, ratio in zip(belief.draws_units, ratios, strict=True)]


def revenue_changes(belief: Belief, price_minor: int, days: int) -> list[float]:
    """Change of the expected revenue in so many days, in minor units, world by world."""
    return margin_changes(belief, price_minor, days, cost_minor=0)


def margin_changes(belief: Belief, price_minor: int, days: int, *, cost_minor: int) -> list[float]:
    """Change of the expected revenue less cost to serve in so many days, world by world."""
    kept, gained = belief.price_minor - cost_minor, price_minor - cost_minor
    ratios = demand_ratios(belief, price_minor)
    return [
        days * units * (gained * ratio - kept)
        for units, ratio in zip(belief.draws_units, ratios, strict=True)
    ]


def churn_shares(belief: Belief, price_minor: int) -> list[float]:
    """Share of the demand that leaves because of that price, world by world; never less than 0."""
    return [max(0.0, 1.0 - ratio) for ratio in demand_ratios(belief, price_minor)]


def share_above_zero(changes: Sequence[float]) -> float:
    """Share of the worlds in which there is a gain."""
    return sum(change > 0 for change in changes) / len(changes)


def quantiles(values: Iterable[float]) -> Quantiles:
    """By linear interpolation, as numpy's default."""
    ordered = sorted(values)
    return Quantiles(*(_quantile(ordered, share) for share in (0.1, 0.5, 0.9)))


def whole_minor(amount: float) -> int:
    """An amount in whole minor units; what no amount on the wire can be stays at the largest."""
    return round(max(-_MOST_MINOR, min(_MOST_MINOR, amount)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])

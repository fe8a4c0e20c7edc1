"""What the guard-rails look at: a tier, what it cost, and what others ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Self

from services.pricing.tiers.rules import Tier, ValueMetric

COMPETITORS_SEEN_WITHIN = timedelta(days=180)
"""What a competitor asked longer ago says nothing of today."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Amounts are minor units of the tier's currency, for its billing period."""

    current_minor: int
    currency: str
    year_minor: tuple[int, ...] = ()
    """Every price that was in force at some time of the last 12 months, today's among them."""
    floor_minor: int | None = None
    cost_to_serve_minor: int | None = None
    competitors_minor: tuple[int, ...] = ()
    """The newest of each competitor and offer, if it was seen lately."""
    value_low: Fraction | None = None
    value_high: Fraction | None = None

    @classmethod
    def of(cls, tier: Tier, year_minor: Sequence[int], competitors_minor: Sequence[int]) -> Self:
        """A tier in its surroundings."""
        profile = tier.profile
        low, high = value_bounds(profile.value_metrics)
        return cls(
            current_minor=tier.amount_minor,
            currency=tier.currency,
            year_minor=tuple(year_minor),
            floor_minor=profile.floor_minor,
            cost_to_serve_minor=profile.cost_to_serve_minor,
            competitors_minor=tuple(competitors_minor),
            value_low=low,
            value_high=high,
        )

    @property
    def competitors_median(self) -> Fraction | None:
        """The middle one, or the mean of the middle two; None without competitors."""
        return median(self.competitors_minor)


def median(amounts: Sequence[int]) -> Fraction | None:
    """The middle one, or the mean of the middle two; None of nothing."""
    if not amounts:
        return None
    ordered, middle = sorted(amounts), len(amounts) // 2
    if len(ordered) % 2:
        return Fraction(ordered[middle])
    return Fraction(ordered[middle - 1] + ordered[middle], 2)


def value_bounds(metrics: Iterable[ValueMetric]) -> tuple[Fraction | None, Fraction | None]:
    """What a tier is worth to a usual client, at least and at most; None where nobody said."""
    known = [(one, exactly(one.usual_units)) for one in metrics]
    low = sum((one.low_minor * units for one, units in known), Fraction())
    high = sum((one.high_minor * units for one, units in known), Fraction())
    return low or None, high or None


def exactly(number: float) -> Fraction:
    """The number that a person wrote: 0.1 is a tenth here, not the float beside it."""
    return Fraction(repr(number))


def year_before(now: datetime) -> datetime:
    """The same moment of the year before; 28 February for the 29th."""
    if (now.month, now.day) == (2, 29):
        return now.replace(year=now.year - 1, day=28)
    return now.replace(year=now.year - 1)

"""Which prices the guard-rails allow, to the minor unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from services.pricing.guard_rails.rules.ground import Ground, exactly
from services.pricing.guard_rails.rules.settings import PricingSettings
from shared.money import MAX_MINOR


class RailName(StrEnum):
    """What holds a price, in the words that suggestions and risks use."""

    MAX_STEP = "max_step"
    MAX_YEAR = "max_year"
    FLOOR_PRICE = "floor_price"
    COST_TO_SERVE = "cost_to_serve"
    VALUE_LOW = "value_low"
    VALUE_HIGH = "value_high"
    BELOW_COMPETITORS = "below_competitors"
    ABOVE_COMPETITORS = "above_competitors"
    ROUNDING = "rounding"
    SMALLEST_AMOUNT = "smallest_amount"
    LARGEST_AMOUNT = "largest_amount"
    OBSERVED_PRICES = "observed_prices"


class Rail(NamedTuple):
    """The least or the most that one rule allows."""

    name: RailName
    minor: int
    why: str
    """What it comes from, for people."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all rails together allow: the multiples of `unit` from `low` to `high`.

    When there are none, `contradict` names the rails that leave no room.
    """

    low: int
    high: int
    unit: int
    low_by: tuple[RailName, ...]
    """Which rails make the lower end."""
    high_by: tuple[RailName, ...]
    """Which make the upper one."""
    contradict: tuple[RailName, ...] = ()

    def allows(self, minor: int) -> bool:
        """Whether a price is within all rails."""
        inside = not self.contradict and self.low <= minor <= self.high
        return inside and minor % self.unit == 0


def bounds(
    settings: PricingSettings,
    ground: Ground,
    *,
    at_least: Iterable[Rail] = (),
    at_most: Iterable[Rail] = (),
) -> Bounds:
    """What the guard-rails allow, and others beside them, and which of them hold either side."""
    lower = [*lower_rails(settings, ground), *at_least]
    upper = [*upper_rails(settings, ground), *at_most]
    least, most = max(one.minor for one in lower), min(one.minor for one in upper)
    low_by = tuple(one.name for one in lower if one.minor == least)
    high_by = tuple(one.name for one in upper if one.minor == most)
    unit = settings.unit(ground.currency)
    low, high = -(-least // unit) * unit, most // unit * unit
    contradict: tuple[RailName, ...] = ()
    if low > high:
        rounding = () if least > most else (RailName.ROUNDING,)
        contradict = tuple(dict.fromkeys((*low_by, *high_by, *rounding)))
    return Bounds(low, high, unit, low_by, high_by, contradict)


def lower_rails(settings: PricingSettings, ground: Ground) -> Iterator[Rail]:
    """The least that each rule allows; what is unknown holds nothing."""
    yield Rail(RailName.SMALLEST_AMOUNT, 1, "a price is more than nothing")
    step, year = _share(settings.max_step_percent), _share(settings.max_year_percent)
    yield Rail(
        RailName.MAX_STEP,
        _up(ground.current_minor * (1 - step)),
        f"{settings.max_step_percent:g} % below the price in force",
    )
    yield Rail(
        RailName.MAX_YEAR,
        _up(max((ground.current_minor, *ground.year_minor)) * (1 - year)),
        f"{settings.max_year_percent:g} % below the highest price of 12 months",
    )
    if ground.floor_minor is not None:
        yield Rail(RailName.FLOOR_PRICE, ground.floor_minor, "the tier's floor price")
    if ground.cost_to_serve_minor is not None:
        yield Rail(RailName.COST_TO_SERVE, ground.cost_to_serve_minor, "what it costs to serve")
    if ground.value_low is not None:
        yield Rail(
            RailName.VALUE_LOW, _up(ground.value_low), "what it is worth to a usual client at least"
        )
    if (median := ground.competitors_median) is not None:
        yield Rail(
            RailName.BELOW_COMPETITORS,
            _up(median * (1 - _share(settings.max_below_competitors_percent))),
            f"{settings.max_below_competitors_percent:g} % below the median of competitors",
        )


def upper_rails(settings: PricingSettings, ground: Ground) -> Iterator[Rail]:
    """The most that each rule allows; what is unknown holds nothing."""
    yield Rail(RailName.LARGEST_AMOUNT, MAX_MINOR, "amounts have at most twelve digits")
    step, year = _share(settings.max_step_percent), _share(settings.max_year_percent)
    yield Rail(
        RailName.MAX_STEP,
        math.floor(ground.current_minor * (1 + step)),
        f"{settings.max_step_percent:g} % above the price in force",
    )
    yield Rail(
        RailName.MAX_YEAR,
        math.floor(min((ground.current_minor, *ground.year_minor)) * (1 + year)),
        f"{settings.max_year_percent:g} % above the lowest price of 12 months",
    )
    if ground.value_high is not None:
        yield Rail(
            RailName.VALUE_HIGH,
            math.floor(ground.value_high),
            "what it is worth to a usual client at most",
        )
    if (median := ground.competitors_median) is not None:
        yield Rail(
            RailName.ABOVE_COMPETITORS,
            math.floor(median * (1 + _share(settings.max_above_competitors_percent))),
            f"{settings.max_above_competitors_percent:g} % above the median of competitors",
        )


def _share(percent: float) -> Fraction:
    return exactly(percent) / 100


def _up(amount: Fraction) -> int:
    return max(math.ceil(amount), 0)

"""The price that promises most: over all worlds of a belief, within the guard-rails.

The expected gain is the mean over the worlds, each with its own elasticity, so what is not known of
demand is in the price and not only beside it. Importing this costs nothing: the library comes with
the first choice, in a process of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction

from services.pricing.evidence.rules.posterior import (
    Belief,
    Quantiles,
    churn_shares,
    margin_changes,
    quantiles,
    revenue_changes,
    share_above_zero,
)
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.rails import Bounds, Rail, RailName, bounds
from services.pricing.guard_rails.rules.settings import PricingSettings

FARTHEST = Fraction(3, 2)
"""Further beyond the prices that were seen than by this factor demand is nothing but a guess."""


class Objective(IntEnum):
    """What a suggestion is to make most of, by the numbers of the contract."""

    MARGIN = 1
    REVENUE = 2


class NoReason(StrEnum):
    """Why nothing is suggested though demand is known."""

    GUARD_RAILS_CONTRADICT = "GUARD_RAILS_CONTRADICT"
    PRICE_BEYOND_EVIDENCE = "PRICE_BEYOND_EVIDENCE"
    ONLY_TODAYS_PRICE_ALLOWED = "ONLY_TODAYS_PRICE_ALLOWED"
    TODAYS_PRICE_IS_BEST = "TODAYS_PRICE_IS_BEST"
    CONFIDENCE_BELOW_MINIMUM = "CONFIDENCE_BELOW_MINIMUM"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted of a price."""

    objective: Objective
    cost_minor: int | None
    """What one unit costs to serve; None when nobody said, and then revenue is the objective."""
    horizon_days: int
    min_confidence: float

    @property
    def counted_cost(self) -> int:
        """What the objective counts as the cost of a unit."""
        return self.cost_minor or 0 if self.objective is Objective.MARGIN else 0


@dataclass(frozen=True, slots=True)
class Choice:
    """A price, and what it does within the horizon, in minor units."""

    price_minor: int
    confidence: float
    """Share of the worlds in which it beats today's price."""
    revenue: Quantiles
    margin: Quantiles | None
    """None when the cost to serve is not known."""
    churn: Quantiles
    bound_by: tuple[str, ...]
    """The rails without which another price would promise more."""


@dataclass(frozen=True, slots=True)
class NoChoice:
    """No price is suggested, and why."""

    reason: NoReason
    rails: tuple[str, ...] = ()
    """Those that leave no room."""

    @property
    def uncertain(self) -> bool:
        """Whether the data cannot tell; else it has told."""
        return self.reason in (NoReason.PRICE_BEYOND_EVIDENCE, NoReason.CONFIDENCE_BELOW_MINIMUM)

    @property
    def told(self) -> str:
        """The reason, with the rails after a colon where there are some."""
        return f"{self.reason}: {', '.join(self.rails)}" if self.rails else str(self.reason)


def choose(belief: Belief, allowed: Bounds, goal: Goal) -> Choice | NoChoice:
    """The allowed price with the largest expected gain over today's, if it is likely to be one.

    Ask `room` first: there must be another price than today's.
    """
    from services.pricing.suggestions.rules.searching import Worlds

    today = belief.price_minor
    worlds = Worlds(belief, goal.counted_cost)
    price = worlds.best(allowed)
    if price == today or worlds.gain(price) <= 0:
        return NoChoice(NoReason.TODAYS_PRICE_IS_BEST)
    days = goal.horizon_days
    gains = margin_changes(belief, price, days, cost_minor=goal.counted_cost)
    confidence = share_above_zero(gains)
    if confidence < goal.min_confidence:
        return NoChoice(NoReason.CONFIDENCE_BELOW_MINIMUM)
    cost = goal.cost_minor
    return Choice(
        price_minor=price,
        confidence=confidence,
        revenue=quantiles(revenue_changes(belief, price, days)),
        margin=None
        if cost is None
        else quantiles(margin_changes(belief, price, days, cost_minor=cost)),
        churn=quantiles(churn_shares(belief, price)),
        bound_by=worlds.held_by(allowed, price),
    )


def allowed_prices(settings: PricingSettings, ground: Ground, belief: Belief) -> Bounds:
    """What the guard-rails allow, as far as the evidence reaches."""
    lowest = math.ceil(belief.lowest_minor / FARTHEST)
    highest = math.floor(belief.highest_minor * FARTHEST)
    return bounds(
        settings,
        ground,
        at_least=[Rail(RailName.OBSERVED_PRICES, lowest, "")],
        at_most=[Rail(RailName.OBSERVED_PRICES, highest, "")],
    )


def room(allowed: Bounds, today: int) -> NoChoice | None:
    """Why no other price than today's is allowed; None when there is one."""
    if RailName.OBSERVED_PRICES in allowed.contradict:
        return NoChoice(NoReason.PRICE_BEYOND_EVIDENCE, allowed.contradict)
    if allowed.contradict:
        return NoChoice(NoReason.GUARD_RAILS_CONTRADICT, allowed.contradict)
    if allowed.low == allowed.high == today:
        held = dict.fromkeys((*allowed.low_by, *allowed.high_by))
        return NoChoice(NoReason.ONLY_TODAYS_PRICE_ALLOWED, tuple(held))
    return None

"""What to think of before a suggestion is followed, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.pricing.evidence.rules.posterior import Belief
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.risks import Risk, amount
from services.pricing.suggestions.rules.choosing import Choice

ENOUGH_COMPETITORS = 3
MANY_PROMOTION_DAYS = 0.2
"""Share of the days; from there on a fall of the price may be told from a promotion only badly."""
MOSTLY_OWN = 0.5
"""Share of an estimate that is the tier's own data."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the belief."""

    ground: Ground
    change_pending: bool
    """An approved change of the tier's price waits for its time."""


def named_risks(belief: Belief, choice: Choice, known: Circumstances) -> list[Risk]:
    """All that apply, always in the same order."""
    return [
        *_of_demand(belief, choice),
        *_of_evidence(belief, known.ground),
        *_of_circumstances(belief, choice, known),
    ]


def _of_demand(belief: Belief, choice: Choice) -> Iterator[Risk]:
    lowest, highest = belief.lowest_minor, belief.highest_minor
    if not lowest <= choice.price_minor <= highest:
        seen = f"from {amount(lowest, belief.currency)} to {amount(highest, belief.currency)}"
        told = f"Prices {seen} were seen; how demand answers beyond them is an extrapolation."
        yield Risk("outside_observed_prices", told)
    estimate = belief.estimate
    if estimate.lower < -1 < estimate.upper:
        told = (
            f"The elasticity may lie on either side of -1 ({estimate.lower:.2f} to"
            f" {estimate.upper:.2f}): the sign of the change of revenue is not certain."
        )
        yield Risk("elasticity_near_one", told)
    if choice.revenue.p50 < 0:
        yield Risk("revenue_falls", "Margin grows, but revenue is likely to fall.")


def _of_evidence(belief: Belief, ground: Ground) -> Iterator[Risk]:
    estimate, diagnostics = belief.estimate, belief.estimate.diagnostics
    if diagnostics.promotion_days > MANY_PROMOTION_DAYS * diagnostics.observations:
        days = f"{diagnostics.promotion_days} of {diagnostics.observations} days"
        told = f"On {days} a promotion lowered the price: its advertising may have sold, too."
        yield Risk("confounded_by_promotion", told)
    if estimate.own_weight < MOSTLY_OWN:
        told = f"Only {estimate.own_weight:.0%} of the estimate is this tier's own data."
        yield Risk("borrowed_from_other_tiers", told)
    if len(ground.competitors_minor) < ENOUGH_COMPETITORS:
        told = f"{len(ground.competitors_minor)} prices of competitors were seen in 180 days."
        yield Risk("thin_competitor_data", told)


def _of_circumstances(belief: Belief, choice: Choice, known: Circumstances) -> Iterator[Risk]:
    if known.ground.cost_to_serve_minor is None:
        told = "Nobody said what the tier costs to serve: revenue is made most of, not margin."
        yield Risk("cost_to_serve_unknown", told)
    if known.change_pending:
        told = "An approved change of this price waits for its time and may overtake this one."
        yield Risk("change_pending", told)
    if choice.price_minor > belief.price_minor:
        told = "An increase reaches each subscriber 30 days after notice at the earliest."
        yield Risk("notice_needed", told)

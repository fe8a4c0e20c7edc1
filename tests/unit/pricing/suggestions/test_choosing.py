"""The price that promises most: against the closed form, within the rails, or none and why."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.pricing.evidence.rules.estimates import Diagnostics, Estimate
from services.pricing.evidence.rules.evidence import beyond
from services.pricing.evidence.rules.posterior import Belief
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.rails import Bounds, RailName, bounds
from services.pricing.guard_rails.rules.risks import Risk
from services.pricing.guard_rails.rules.settings import PricingSettings
from services.pricing.suggestions.rules.choosing import (
    Choice,
    Goal,
    NoChoice,
    NoReason,
    Objective,
    allowed_prices,
    choose,
    room,
)
from services.pricing.suggestions.rules.risks import Circumstances, named_risks
from services.pricing.suggestions.rules.suggestions import Asked

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WIDE = PricingSettings(max_step_percent=1000.0, max_year_percent=1000.0)
MARGIN, REVENUE = Objective.MARGIN, Objective.REVENUE


def believed(elasticities: Sequence[float], today: int = 10_000, currency: str = "EUR") -> Belief:
    mean = sum(elasticities) / len(elasticities)
    measured = Diagnostics(observations=200)
    return Belief(
        tier_id="pro",
        currency=currency,
        price_minor=today,
        draws_elasticity=array("d", elasticities),
        draws_units=array("d", [10.0] * len(elasticities)),
        dispersion=1.0,
        estimate=Estimate("pro", mean, min(elasticities), max(elasticities), 0.1, 9, 1.0, measured),
        seed=7,
        as_of=NOW,
        lowest_minor=1,
        highest_minor=10**12,
    )


def wanted(objective: Objective = MARGIN, cost: int | None = 5_000, least: float = 0.8) -> Goal:
    return Goal(objective, cost, 90, least)


def chosen(belief: Belief, allowed: Bounds, goal: Goal) -> Choice:
    found = choose(belief, allowed, goal)
    assert isinstance(found, Choice), found
    return found


@pytest.mark.parametrize(
    ("cost", "elasticity", "optimum"),
    [(5_000, -2.0, 10_000), (5_000, -1.5, 15_000), (6_000, -3.0, 9_000), (9_999, -4.0, 13_332)],
)
def test_margin_is_largest_where_the_closed_form_says(
    cost: int, elasticity: float, optimum: int
) -> None:
    """For a constant elasticity e < -1 and a cost c it is c·e / (1 + e)."""
    for today in (7_777, 20_000):
        belief = believed([elasticity], today)
        found = chosen(belief, bounds(WIDE, Ground(today, "EUR")), wanted(cost=cost))
        assert (found.price_minor, found.bound_by, found.confidence) == (optimum, (), 1)


def test_the_closed_form_is_clipped_by_the_rails() -> None:
    """15,000 would be best, and 8,571 if demand were more elastic; a step is 25 % of 10,000."""
    allowed = bounds(PricingSettings(), Ground(10_000, "EUR"))
    up = chosen(believed([-1.5]), allowed, wanted())
    assert (up.price_minor, up.bound_by) == (12_500, (RailName.MAX_STEP,))
    held = bounds(PricingSettings(), Ground(10_000, "EUR", floor_minor=9_000))
    down = chosen(believed([-2.4]), held, wanted())
    assert (down.price_minor, down.bound_by) == (9_000, (RailName.FLOOR_PRICE,))
    free = chosen(believed([-2.4]), allowed, wanted())
    assert (free.price_minor, free.bound_by) == (8_571, ())


def test_inelastic_demand_goes_to_the_upper_rail_and_elastic_to_the_lower() -> None:
    allowed = bounds(PricingSettings(), Ground(10_000, "EUR"))
    goal = wanted(REVENUE, None)
    assert chosen(believed([-0.5]), allowed, goal).price_minor == 12_500
    assert chosen(believed([-1.8]), allowed, goal).price_minor == 7_500


def test_expected_margin_is_over_all_worlds_and_not_at_the_mean() -> None:
    """At the mean elasticity of -2 today's price is best; over the worlds a higher one is."""
    worlds = [-1.2, -1.2, -1.2, -4.4]
    allowed = bounds(PricingSettings(), Ground(10_000, "EUR"))
    found = chosen(believed(worlds), allowed, wanted(least=0.5))
    gains = [
        sum((price - 5_000) * (price / 10_000) ** e for e in worlds)
        for price in range(allowed.low, allowed.high + 1)
    ]
    assert found.price_minor == allowed.low + int(np.argmax(gains))
    assert found.price_minor > 10_500
    assert found.confidence == 0.75


def test_impacts_are_those_of_the_closed_form() -> None:
    belief = believed([-1.5])
    found = chosen(belief, bounds(PricingSettings(), Ground(10_000, "EUR")), wanted())
    sold = 1.25**-1.5
    assert found.revenue.p50 == pytest.approx(90 * 10 * (12_500 * sold - 10_000))
    assert found.margin is not None
    assert found.margin.p50 == pytest.approx(90 * 10 * (7_500 * sold - 5_000))
    assert found.churn.p50 == pytest.approx(1 - sold)


def test_a_decrease_drives_nobody_away_and_an_unknown_cost_leaves_margin_open() -> None:
    allowed = bounds(PricingSettings(), Ground(10_000, "EUR"))
    found = chosen(believed([-1.8]), allowed, wanted(REVENUE, None))
    assert found.churn.p90 == 0
    assert found.margin is None


def test_todays_price_is_never_suggested() -> None:
    allowed = bounds(PricingSettings(), Ground(10_000, "EUR"))
    assert choose(believed([-2.0]), allowed, wanted()) == NoChoice(NoReason.TODAYS_PRICE_IS_BEST)


def test_what_wins_in_too_few_worlds_is_not_suggested() -> None:
    allowed = bounds(PricingSettings(), Ground(10_000, "EUR"))
    worlds = [-0.5] * 7 + [-1.6] * 3
    found = choose(believed(worlds), allowed, wanted(REVENUE))
    assert found == NoChoice(NoReason.CONFIDENCE_BELOW_MINIMUM)
    assert found.uncertain
    assert chosen(believed(worlds), allowed, wanted(REVENUE, least=0.7)).confidence == 0.7


def test_rails_that_leave_nothing_are_told() -> None:
    nothing = room(bounds(PricingSettings(), Ground(10_000, "EUR", floor_minor=20_000)), 10_000)
    assert nothing is not None
    assert nothing.told == "GUARD_RAILS_CONTRADICT: floor_price, max_step"
    pinned = Ground(10_000, "EUR", floor_minor=10_000, value_high=Fraction(10_000))
    nothing = room(bounds(PricingSettings(), pinned), 10_000)
    assert nothing is not None
    assert nothing.told == "ONLY_TODAYS_PRICE_ALLOWED: floor_price, value_high"
    assert not nothing.uncertain
    assert room(bounds(PricingSettings(), pinned), 9_999) is None
    assert room(bounds(PricingSettings(), Ground(10_000, "EUR")), 10_000) is None


def test_no_price_is_suggested_where_the_evidence_does_not_reach() -> None:
    """Up to half above the highest price that was seen; predictions end there, too."""
    belief = replace(believed([-0.5]), lowest_minor=9_000, highest_minor=11_001)
    allowed = allowed_prices(WIDE, Ground(10_000, "EUR"), belief)
    made = chosen(belief, allowed, wanted())
    assert (made.price_minor, made.bound_by) == (16_501, (RailName.OBSERVED_PRICES,))
    assert beyond(belief, made.price_minor) == ()
    assert beyond(belief, made.price_minor + 1) != ()
    assert (allowed.low, beyond(belief, 6_000), beyond(belief, 5_999) == ()) == (6_000, (), False)
    far = allowed_prices(PricingSettings(), Ground(30_000, "EUR"), belief)
    nothing = room(far, 30_000)
    assert nothing is not None
    assert nothing.told == "PRICE_BEYOND_EVIDENCE: max_step, observed_prices"
    assert nothing.uncertain


def test_rails_that_forbid_todays_price_too_still_ask_for_a_gain() -> None:
    """A floor above today's price does not make a worse price a suggestion."""
    held = bounds(PricingSettings(), Ground(10_000, "EUR", floor_minor=11_000))
    found = choose(believed([-3.0]), held, wanted(REVENUE))
    assert found == NoChoice(NoReason.TODAYS_PRICE_IS_BEST)


def test_margin_is_the_objective_only_where_the_cost_is_known() -> None:
    assert Asked("pro").goal(5_000, 0.8).objective is MARGIN
    assert Asked("pro").goal(None, 0.8).objective is REVENUE
    assert Asked("pro", MARGIN).goal(None, 0.8).objective is REVENUE
    assert Asked("pro", REVENUE).goal(5_000, 0.8).objective is REVENUE
    assert Asked("pro", REVENUE).goal(5_000, 0.8).counted_cost == 0


def names(belief: Belief, choice: Choice, ground: Ground, *, pending: bool = False) -> list[str]:
    known = Circumstances(ground, pending)
    risks: list[Risk] = named_risks(belief, choice, known)
    return [risk.name for risk in risks]


def test_risks_are_named_when_they_apply_and_only_then() -> None:
    safe = Ground(10_000, "EUR", cost_to_serve_minor=5_000, competitors_minor=(9_000, 9_900, 9_999))
    belief = believed([-2.4])
    choice = chosen(belief, bounds(PricingSettings(), safe), wanted())
    assert names(belief, choice, safe) == []
    promoted = replace(belief.estimate, diagnostics=Diagnostics(100, promotion_days=21))
    worries = {
        "outside_observed_prices": replace(belief, lowest_minor=9_000),
        "elasticity_near_one": believed([-0.9, -5.0]),
        "confounded_by_promotion": replace(belief, estimate=promoted),
        "borrowed_from_other_tiers": replace(
            belief, estimate=replace(belief.estimate, own_weight=0.4)
        ),
    }
    for name, worrying in worries.items():
        assert names(worrying, choice, safe) == [name]
    assert names(belief, choice, replace(safe, competitors_minor=(9_000, 9_900))) == [
        "thin_competitor_data"
    ]
    assert names(belief, choice, replace(safe, cost_to_serve_minor=None)) == [
        "cost_to_serve_unknown"
    ]
    assert names(belief, choice, safe, pending=True) == ["change_pending"]
    assert names(belief, replace(choice, price_minor=10_001), safe) == ["notice_needed"]
    falling = replace(choice, revenue=replace(choice.revenue, p50=-1.0))
    assert names(belief, falling, safe) == ["revenue_falls"]


BELIEFS = st.builds(
    believed,
    st.lists(st.floats(-6, 0.5), min_size=1, max_size=8),
    st.integers(1, 10**7),
)
RAILS = st.builds(
    PricingSettings,
    max_step_percent=st.floats(1, 300),
    max_year_percent=st.floats(1, 300),
    rounding_minor=st.sampled_from([None, 5, 100]),
    rounding_currency=st.just("EUR"),
)
COSTS = st.floats(0, 1.5)


@given(BELIEFS, RAILS, COSTS, st.sampled_from(Objective), st.floats(0.5, 1))
def test_a_suggestion_is_within_the_rails_another_price_and_likely_a_gain(
    belief: Belief, settings: PricingSettings, cost: float, objective: Objective, least: float
) -> None:
    today = belief.price_minor
    allowed = bounds(settings, Ground(today, "EUR", cost_to_serve_minor=int(today * cost)))
    assume(room(allowed, today) is None)
    found = choose(belief, allowed, wanted(objective, int(today * cost), least))
    if isinstance(found, Choice):
        assert allowed.allows(found.price_minor)
        assert found.price_minor != today
        assert found.confidence >= least


@given(
    st.floats(-6, -1.05),
    st.integers(100, 10**6),
    st.floats(0.1, 0.95),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
)
def test_a_higher_floor_never_lowers_a_suggestion(
    elasticity: float, today: int, cost: float, floor: float, more: float
) -> None:
    ground = Ground(today, "EUR", floor_minor=int(today * floor))
    higher = replace(ground, floor_minor=int(today * (floor + more)))
    goal = wanted(cost=int(today * cost))
    low = choose(believed([elasticity], today), bounds(WIDE, ground), goal)
    high = choose(believed([elasticity], today), bounds(WIDE, higher), goal)
    assume(isinstance(low, Choice) and isinstance(high, Choice))
    assert isinstance(low, Choice)
    assert isinstance(high, Choice)
    assert high.price_minor >= low.price_minor


@given(st.floats(-6, -1.2), st.integers(1_000, 10**6), st.floats(0.2, 0.95))
def test_the_same_amount_in_a_smaller_unit_is_the_same_price(
    elasticity: float, yen: int, cost: float
) -> None:
    """Fils, a thousand to the unit, find what yen find, to one unit of theirs."""
    known, goal = int(yen * cost), wanted()
    coarse = choose(
        believed([elasticity], yen, "JPY"),
        bounds(PricingSettings(), Ground(yen, "JPY")),
        replace(goal, cost_minor=known),
    )
    fine = choose(
        believed([elasticity], yen * 1000, "KWD"),
        bounds(PricingSettings(), Ground(yen * 1000, "KWD")),
        replace(goal, cost_minor=known * 1000),
    )
    assume(isinstance(coarse, Choice) and isinstance(fine, Choice))
    assert isinstance(coarse, Choice)
    assert isinstance(fine, Choice)
    assert math.isclose(fine.price_minor / 1000, coarse.price_minor, abs_tol=1)

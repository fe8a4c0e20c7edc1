"""Which prices the guard-rails allow, to the minor unit, in every kind of currency."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pricing.guard_rails.rules.ground import Ground, median, value_bounds, year_before
from services.pricing.guard_rails.rules.rails import Bounds, RailName, bounds
from services.pricing.guard_rails.rules.risks import amount, outside
from services.pricing.guard_rails.rules.settings import PricingSettings
from services.pricing.tiers.rules import ValueMetric
from shared.money import MAX_MINOR

DEFAULTS = PricingSettings()
STEP, YEAR = RailName.MAX_STEP, RailName.MAX_YEAR


def metric(low_minor: int, high_minor: int, usual_units: float) -> ValueMetric:
    return ValueMetric("seats", low_minor, high_minor, usual_units)


def test_a_step_is_at_most_a_quarter_by_default() -> None:
    found = bounds(DEFAULTS, Ground(10_000, "EUR"))
    assert found == Bounds(7_500, 12_500, 1, (STEP,), (STEP,))


@pytest.mark.parametrize(
    ("currency", "current", "low", "high"),
    [("JPY", 999, 750, 1248), ("KWD", 12_345, 9_259, 15_431), ("EUR", 1, 1, 1)],
)
def test_the_ends_are_exact_in_every_kind_of_currency(
    currency: str, current: int, low: int, high: int
) -> None:
    found = bounds(DEFAULTS, Ground(current, currency))
    assert (found.low, found.high) == (low, high)


def test_percents_are_those_that_were_written() -> None:
    """The float beside 0.29 is a little less, and would put the last price out of reach."""
    settings = replace(DEFAULTS, max_step_percent=0.29)
    found = bounds(settings, Ground(10_000_000_000, "EUR"))
    assert (found.low, found.high) == (9_971_000_000, 10_029_000_000)


def test_steps_of_a_year_add_up() -> None:
    """100 → 125 → 150: today's 150 may not rise further, for it was 100 within the year."""
    year = (10_000, 12_500, 15_000)
    found = bounds(DEFAULTS, Ground(15_000, "EUR", year_minor=year))
    assert (found.high, found.high_by) == (15_000, (YEAR,))
    assert (found.low, found.low_by) == (11_250, (STEP,))


def test_a_dip_within_the_year_counts_too() -> None:
    """Down and up again: the lowest price of the year holds the rise, not where it began."""
    found = bounds(DEFAULTS, Ground(10_000, "EUR", year_minor=(10_000, 8_000, 10_000)))
    assert (found.high, found.high_by) == (12_000, (YEAR,))


def test_a_fall_is_held_by_the_highest_price_of_the_year() -> None:
    found = bounds(DEFAULTS, Ground(6_000, "EUR", year_minor=(10_000, 8_000, 6_000)))
    assert (found.low, found.low_by) == (5_000, (YEAR,))


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (datetime(2027, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2027, 2, 28, 12, tzinfo=UTC)),
    ],
)
def test_twelve_months_are_a_year_of_the_calendar(now: datetime, before: datetime) -> None:
    assert year_before(now) == before


def test_the_floor_and_the_cost_hold_from_below() -> None:
    ground = Ground(10_000, "EUR", floor_minor=9_000, cost_to_serve_minor=8_000)
    assert (bounds(DEFAULTS, ground).low_by, bounds(DEFAULTS, ground).low) == (
        (RailName.FLOOR_PRICE,),
        9_000,
    )
    dear = replace(ground, cost_to_serve_minor=9_500)
    assert (bounds(DEFAULTS, dear).low_by, bounds(DEFAULTS, dear).low) == (
        (RailName.COST_TO_SERVE,),
        9_500,
    )


def test_rails_that_hold_at_the_same_price_are_all_named() -> None:
    ground = Ground(10_000, "EUR", floor_minor=7_500)
    assert bounds(DEFAULTS, ground).low_by == (STEP, RailName.FLOOR_PRICE)


def test_the_corridor_is_around_the_median_of_competitors() -> None:
    settings = replace(
        DEFAULTS, max_above_competitors_percent=10.0, max_below_competitors_percent=5.0
    )
    ground = Ground(10_000, "EUR", competitors_minor=(9_000, 30_000, 10_001, 10_000))
    found = bounds(settings, ground)
    assert median(ground.competitors_minor) == Fraction(20_001, 2)
    assert (found.low, found.low_by) == (9_501, (RailName.BELOW_COMPETITORS,))
    assert (found.high, found.high_by) == (11_000, (RailName.ABOVE_COMPETITORS,))


def test_without_competitors_the_corridor_holds_nothing() -> None:
    settings = replace(DEFAULTS, max_above_competitors_percent=0.0)
    assert bounds(settings, Ground(10_000, "EUR")).high_by == (STEP,)


def test_value_to_a_usual_client_holds_on_both_sides() -> None:
    low, high = value_bounds([metric(300, 400, 25.5), metric(1_000, 2_000, 0.3)])
    assert (low, high) == (Fraction(7_950), Fraction(10_800))
    found = bounds(DEFAULTS, Ground(10_000, "EUR", value_low=low, value_high=high))
    assert (found.low, found.low_by) == (7_950, (RailName.VALUE_LOW,))
    assert (found.high, found.high_by) == (10_800, (RailName.VALUE_HIGH,))


def test_values_that_nobody_said_hold_nothing() -> None:
    assert value_bounds([]) == (None, None)
    assert value_bounds([metric(100, 200, 0)]) == (None, None)
    assert value_bounds([metric(0, 200, 2)]) == (None, Fraction(400))


def test_rails_that_leave_no_room_are_named() -> None:
    found = bounds(DEFAULTS, Ground(10_000, "EUR", floor_minor=13_000))
    assert found.contradict == (RailName.FLOOR_PRICE, STEP)
    assert not any(found.allows(price) for price in (12_500, 12_750, 13_000))


def test_rounding_that_leaves_no_multiple_is_named() -> None:
    settings = replace(DEFAULTS, rounding_minor=10_000, rounding_currency="EUR")
    found = bounds(settings, Ground(5_500, "EUR"))
    assert found.contradict == (STEP, RailName.ROUNDING)


def test_rounding_is_of_its_currency() -> None:
    settings = replace(DEFAULTS, rounding_minor=100, rounding_currency="EUR")
    found = bounds(settings, Ground(9_999, "EUR"))
    assert (found.low, found.high, found.unit) == (7_500, 12_400, 100)
    assert found.allows(12_400)
    assert not found.allows(12_450)
    assert bounds(settings, Ground(9_999, "USD")).unit == 1


def test_no_price_is_beyond_twelve_digits_or_nothing() -> None:
    found = bounds(DEFAULTS, Ground(MAX_MINOR, "JPY"))
    assert (found.high, found.high_by) == (MAX_MINOR, (RailName.LARGEST_AMOUNT,))
    wide = replace(DEFAULTS, max_step_percent=1000.0, max_year_percent=1000.0)
    found = bounds(wide, Ground(500, "JPY"))
    assert (found.low, found.low_by) == (1, (RailName.SMALLEST_AMOUNT,))


def test_a_price_by_hand_says_which_rails_it_crosses_and_by_how_much() -> None:
    ground = Ground(10_000, "EUR", year_minor=(8_000, 10_000), competitors_minor=(8_000,))
    risks = outside(DEFAULTS, ground, 12_900)
    assert {risk.name for risk in risks} == {"outside_guard_rails"}
    assert [risk.description for risk in risks] == [
        "max_step: 4.00 EUR more than 125.00 EUR, 25 % above the price in force",
        "max_year: 9.00 EUR more than 120.00 EUR, 50 % above the lowest price of 12 months",
        "above_competitors: 9.00 EUR more than 120.00 EUR, 50 % above the median of competitors",
    ]
    below = outside(DEFAULTS, replace(ground, floor_minor=9_000), 8_999)
    assert [risk.description for risk in below] == [
        "floor_price: 0.01 EUR less than 90.00 EUR, the tier's floor price"
    ]


def test_rounding_is_no_risk_of_a_price_by_hand() -> None:
    settings = replace(DEFAULTS, rounding_minor=100, rounding_currency="EUR")
    assert outside(settings, Ground(10_000, "EUR"), 10_050) == []


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123_456, "EUR", "1,234.56 EUR"),
        (1_200, "JPY", "1,200 JPY"),
        (1_005, "KWD", "1.005 KWD"),
        (-7, "EUR", "-0.07 EUR"),
    ],
)
def test_amounts_for_people(minor: int, currency: str, shown: str) -> None:
    assert amount(minor, currency) == shown


PRICES = st.integers(1, 10**9)
GROUNDS = st.builds(
    Ground,
    current_minor=PRICES,
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    year_minor=st.lists(PRICES, max_size=4).map(tuple),
    floor_minor=st.none() | PRICES,
    cost_to_serve_minor=st.none() | PRICES,
    competitors_minor=st.lists(PRICES, max_size=4).map(tuple),
)
SETTINGS = st.builds(
    PricingSettings,
    max_step_percent=st.floats(0.01, 1000),
    max_year_percent=st.floats(0.01, 10_000),
    max_above_competitors_percent=st.floats(0, 10_000),
    max_below_competitors_percent=st.floats(0, 100),
)


@given(SETTINGS, GROUNDS, PRICES)
def test_a_price_carries_a_risk_exactly_when_no_suggestion_could_be_it(
    settings: PricingSettings, ground: Ground, proposed: int
) -> None:
    assert bounds(settings, ground).allows(proposed) == (not outside(settings, ground, proposed))


@given(SETTINGS, GROUNDS)
def test_the_ends_are_allowed_and_one_further_is_not(
    settings: PricingSettings, ground: Ground
) -> None:
    found = bounds(settings, ground)
    if not found.contradict:
        assert found.allows(found.low)
        assert found.allows(found.high)
        assert not found.allows(found.low - 1)
        assert not found.allows(found.high + 1)


@given(SETTINGS, GROUNDS, PRICES)
def test_a_higher_floor_never_allows_more(
    settings: PricingSettings, ground: Ground, floor: int
) -> None:
    wide = bounds(settings, replace(ground, floor_minor=None))
    held = bounds(settings, replace(ground, floor_minor=floor))
    assert held.low == max(wide.low, floor)
    assert held.high == wide.high

"""From rows to days: gaps, prices, promotions, competitors and usage."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pytest

from services.pricing.evidence.rules.series import (
    CompetitorPrice,
    ListPrice,
    Sales,
    Series,
    Usage,
    series,
)
from tests.simulating import START, observed

DAYS = 10


def day(place: int) -> date:
    return START + timedelta(place)


def sold(place: int, price: float, units: int = 10, **fields: Any) -> Sales:
    told = {"campaign_units": 0, "renewed_units": 0, **fields}
    return Sales("pro", day(place), units, price * units, **told)


def made(*sales: Sales, **others: Any) -> Series:
    return series(observed(DAYS, sales, **others))["pro"]


def listed(minor: int, since: int = 0, until: int | None = None) -> ListPrice:
    return ListPrice("pro", minor, day(since), None if until is None else day(until))


def test_days_have_no_gap_from_the_first_sale_on() -> None:
    told = made(sold(2, 2_000), sold(5, 2_500, units=4))
    assert told.start == day(2)
    assert list(told.units) == [10, 0, 0, 4, 0, 0, 0, 0]
    assert list(told.prices) == [2_000, 2_000, 2_000, *[2_500] * 5]


def test_a_day_without_a_sale_has_the_list_price() -> None:
    prices = (listed(2_000, until=4), listed(2_400, since=4))
    told = made(sold(0, 1_900), sold(6, 2_400), list_prices=prices)
    assert list(told.prices) == [1_900, *[2_000] * 4, 2_400, *[2_400] * 4]


def test_a_price_is_what_was_paid_on_average() -> None:
    told = made(sold(0, 2_000, units=3), sold(0, 1_000, units=1))
    assert (told.units[0], told.prices[0]) == (4, 1_750)


def test_what_was_free_is_no_demand() -> None:
    assert series(observed(DAYS, (sold(0, 0.0),))) == {}


@pytest.mark.parametrize(
    ("paid", "fields", "promotion"),
    [
        (2_000, {}, 0),
        (1_970, {}, 0),
        (1_940, {}, 1),
        (1_940, {"campaign_units": 10}, 1),
        (2_000, {"campaign_units": 10}, 0),
        (1_500, {"renewed_units": 10}, 0),  # at the price before
        (1_700, {"renewed_units": 10}, 1),
    ],
)
def test_a_promotion_is_clearly_below_the_list_price(
    paid: float, fields: dict[str, Any], promotion: int
) -> None:
    prices = (listed(1_500, since=-100, until=-1), listed(2_000, since=-1))
    usual = [sold(place, 2_000) for place in range(DAYS) if place != 4]
    told = made(*usual, sold(4, paid, **fields), list_prices=prices)
    assert list(told.promotion) == [float(promotion * (place == 4)) for place in range(DAYS)]


@pytest.mark.parametrize(("campaign", "promotion"), [(0, 0.0), (4, 0.0), (5, 1.0), (10, 1.0)])
def test_without_a_list_price_a_campaign_tells_of_it(campaign: int, promotion: float) -> None:
    usual = [sold(place, 2_000) for place in range(DAYS) if place != 4]
    assert made(*usual, sold(4, 1_500, campaign_units=campaign)).promotion[4] == promotion


def test_what_is_always_reduced_is_the_price() -> None:
    told = made(*[sold(place, 1_600) for place in range(DAYS)], list_prices=(listed(2_000),))
    assert not any(told.promotion)


def test_competitors_are_the_median_of_what_each_asked_last() -> None:
    seen = [("a", -5, 100), ("a", 3, 200), ("b", 3, 300), ("c", 6, 400)]
    told = made(
        sold(0, 2_000),
        competitor_prices=tuple(
            CompetitorPrice("pro", name, day(place), minor) for name, place, minor in seen
        ),
    )
    assert told.competitors is not None
    assert list(told.competitors) == [100, 100, 100, 250, 250, 250, 300, 300, 300, 300]


@pytest.mark.parametrize("place", [5, -181])
def test_competitors_that_are_hardly_known_do_not_count(place: int) -> None:
    seen = (CompetitorPrice("pro", "a", day(place), 100),)
    assert made(sold(0, 2_000), competitor_prices=seen).competitors is None


def test_usage_is_events_by_subscriber() -> None:
    used = tuple(Usage("pro", day(place), 30, 10) for place in range(DAYS - 1))
    told = made(sold(0, 2_000), usage=used).usage
    assert told is not None
    assert list(told) == [3.0] * 9 + [0.0]
    assert made(sold(0, 2_000), usage=used[:7]).usage is None


def test_the_service_itself_needs_no_library_of_statistics() -> None:
    """They take a second to import, and memory that a process of its own has for all calls."""
    check = (
        "import sys, services.pricing.__main__;"
        "print({'numpy', 'scipy', 'statsmodels', 'pandas'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "set()"

"""The simulated shop of `footfall demo pricing`."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from services.cli.demo import shop

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize("tier", shop.TIERS, ids=lambda tier: tier.tier_id)
def test_the_year_is_the_same_at_every_demo_and_ends_yesterday(tier: shop.Simulated) -> None:
    first, again = ([shop.event(one) for one in shop.sales(tier, NOW)] for _ in range(2))
    assert first == again
    assert len({one.event_id for one in first}) == len(first)
    moments = [one.occurred_at.ToDatetime(UTC) for one in first]
    assert moments == sorted(moments)
    today = NOW.replace(hour=0)
    assert today - timedelta(days=shop.DAYS) <= moments[0]
    assert moments[-1] < today


@pytest.mark.parametrize("tier", shop.TIERS, ids=lambda tier: tier.tier_id)
def test_prices_go_up_and_down_and_demand_follows_its_law(tier: shop.Simulated) -> None:
    """Between the lowest and the highest price, sales a weekday change by about the law."""
    days: dict[int, set[datetime]] = {}
    sold: Counter[int] = Counter()
    for one in shop.sales(tier, NOW):
        if one.at.weekday() < 5:
            sold[one.price_minor] += 1
            days.setdefault(one.price_minor, set()).add(one.at.replace(hour=0, minute=0, second=0,
                                                                      microsecond=0))  # fmt: skip
    low, high = min(sold), max(sold)
    assert low < tier.price_minor < high
    rates = [sold[price] / len(days[price]) for price in (low, high)]
    slope = math.log(rates[1] / rates[0]) / math.log(high / low)
    error = math.sqrt(1 / sold[low] + 1 / sold[high]) / math.log(high / low)
    assert abs(slope - tier.elasticity) < 4 * error


def test_what_pricing_is_told_is_of_the_same_currency() -> None:
    for one in shop.TIERS:
        assert shop.tier(one).price == shop.money(one.price_minor)
        assert len(shop.subscriptions(one, NOW)) == one.subscribers
        rivals = shop.competitors(one, NOW)
        assert {rival.price.currency_code for rival in rivals} == {shop.CURRENCY}
        assert all(rival.observed_at.ToDatetime(UTC) < NOW for rival in rivals)

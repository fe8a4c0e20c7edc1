"""Histories from which nobody could tell, and how a naive fit would be fooled by some of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.pricing.evidence.rules.estimates import Estimate, Reason
from services.pricing.evidence.rules.series import ListPrice, Observed
from tests.simulating import (
    LIST_MINOR,
    START,
    World,
    demand,
    estimated,
    observed,
    sales,
    stepped_prices,
    weekly_prices,
)

DAYS = 140
LISTED = (ListPrice("pro", LIST_MINOR, START, None),)


def estimate(known: Observed) -> Estimate:
    return estimated(known)["pro"]


def told(prices: Any, world: World | None = None, lift: Any = 0.0, **others: Any) -> Estimate:
    prices = np.asarray(prices, dtype=np.float64)
    sold = demand(np.random.default_rng(1), world or World(), prices, lift)
    return estimate(observed(len(prices), sales(prices, sold), **others))


def naive(prices: NDArray[np.float64], units: NDArray[np.int64]) -> float:
    """The slope of log units on log price and nothing else."""
    kept = units > 0
    return float(np.polyfit(np.log(prices[kept]), np.log(units[kept]), 1)[0])


@pytest.mark.parametrize(
    ("reason", "prices"),
    [
        (Reason.PRICE_NEVER_VARIED, np.full(DAYS, LIST_MINOR)),
        (Reason.PRICE_NEVER_VARIED, LIST_MINOR + np.arange(DAYS) % 3),
        (Reason.TOO_FEW_PRICES, np.where(np.arange(DAYS) % 70 == 30, 2_500, LIST_MINOR)),
        (Reason.PRICE_FOLLOWS_TIME, np.where(np.arange(DAYS) < 70, LIST_MINOR, 2_500)),
        (Reason.PRICE_FOLLOWS_TIME, LIST_MINOR * (1 + np.arange(DAYS) / DAYS)),
        (Reason.TOO_FEW_DAYS, np.where(np.arange(21) % 4 < 2, LIST_MINOR, 2_500)),
    ],
)
def test_the_reason_is_named(reason: Reason, prices: Any) -> None:
    found = told(prices)
    assert found.reasons == (reason,)
    assert found.freedom == 0
    assert found.own_weight == 0
    assert found.mean == pytest.approx(-1.5), "the prior's"
    assert found.upper - found.lower > 7


def test_few_sales_tell_nothing() -> None:
    found = told(weekly_prices(np.random.default_rng(1), DAYS), World(per_day=0.2))
    assert found.reasons == (Reason.TOO_FEW_SALES,)


def test_a_tier_that_sold_nothing_is_told_of() -> None:
    found = estimate(observed(DAYS))
    assert found.reasons == (Reason.TOO_FEW_SALES,)


def test_a_wide_interval_tells_nothing() -> None:
    """Prices vary by little, and few are sold: the regression stands, and says too little."""
    prices = weekly_prices(np.random.default_rng(1), DAYS, (0.98, 1.0, 1.02))
    found = told(prices, World(per_day=5.0))
    assert found.freedom > 0
    assert found.reasons == (Reason.INTERVAL_TOO_WIDE,)
    assert found.upper - found.lower > 3


class TestPromotion:
    """The price falls when there is advertising too, which sells by itself."""

    LIFT = 0.5
    PROMOTED = np.arange(DAYS) % 28 >= 21

    def test_alone_it_fools_a_naive_fit_and_not_ours(self) -> None:
        prices = np.where(self.PROMOTED, 0.8, 1.0) * LIST_MINOR
        units = demand(np.random.default_rng(1), World(), prices, self.LIFT * self.PROMOTED)
        assert naive(prices, units) < -3, "the truth is -1.3"
        found = estimate(observed(DAYS, sales(prices, units), list_prices=LISTED))
        assert found.reasons == (Reason.PROMOTION_CONFOUNDED,)
        assert found.diagnostics.promotion_days == self.PROMOTED.sum()

    def test_of_differing_depth_it_tells_no_more(self) -> None:
        """How demand answers to a deeper promotion is not how it answers to another list price."""
        depth = np.where(np.arange(DAYS) % 56 >= 28, 0.7, 0.85)
        prices = np.where(self.PROMOTED, depth, 1.0) * LIST_MINOR
        found = told(prices, lift=self.LIFT * self.PROMOTED, list_prices=LISTED)
        assert found.reasons == (Reason.PROMOTION_CONFOUNDED,)

    def test_beside_moves_of_the_list_price_it_is_told_apart(self) -> None:
        held, fooled = 0, 0
        for seed in range(120):
            generator = np.random.default_rng((5, seed))
            listed = stepped_prices(generator, DAYS, 8)
            prices = np.where(self.PROMOTED, 0.8, 1.0) * listed
            units = demand(generator, World(), prices, self.LIFT * self.PROMOTED)
            starts = [0, *(np.flatnonzero(np.diff(listed)) + 1).tolist(), DAYS]
            lists = tuple(
                ListPrice("pro", int(listed[at]), START + timedelta(at), START + timedelta(end - 1))
                for at, end in pairwise(starts)
            )
            found = estimate(observed(DAYS, sales(prices, units), list_prices=lists))
            held += found.lower <= -1.3 <= found.upper
            fooled += naive(prices, units) < found.lower
        assert held >= 107, "three standard errors below 95 %"
        assert fooled >= 100

    def test_before_there_is_a_list_price_a_campaign_says_it(self) -> None:
        prices = np.where(self.PROMOTED, 0.8, 1.0) * LIST_MINOR
        units = demand(np.random.default_rng(1), World(), prices, self.LIFT * self.PROMOTED)
        sold = sales(prices, units, campaign=[bool(one) for one in self.PROMOTED])
        found = estimate(observed(DAYS, sold))
        assert found.reasons == (Reason.PROMOTION_CONFOUNDED,)

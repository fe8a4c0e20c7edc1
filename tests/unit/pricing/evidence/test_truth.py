"""Simulated worlds: how often the interval holds the truth, over many histories.

The share of 500 intervals of 95 % that hold it has a standard error of one percent; what is asked
for lies within three of them. Seeds are fixed, so the same count comes out each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.estimates import Estimate
from services.pricing.evidence.rules.posterior import Belief
from tests.simulating import (
    LIST_MINOR,
    World,
    demand,
    estimated,
    learnt,
    observed,
    sales,
    stepped_prices,
    weekly_prices,
)

SETS = 500
NOMINAL = 0.95
TOLERANCE = 3 * (NOMINAL * (1 - NOMINAL) / SETS) ** 0.5
DAYS = 112

Prices = Callable[[np.random.Generator, int], NDArray[np.float64]]

WORLDS: dict[str, tuple[World, Prices]] = {
    "independent": (World(), weekly_prices),
    "overdispersed": (World(noise=0.25), weekly_prices),
    "autocorrelated": (World(noise=0.12, persistence=0.6), weekly_prices),
    "few, lasting prices": (World(noise=0.12, persistence=0.6), stepped_prices),
    "days without a sale": (World(per_day=2.0), weekly_prices),
}

LEAST_TOLD = {**dict.fromkeys(WORLDS, 0.9), "days without a sale": 0.7}
"""Share of the histories from which the service would tell something."""


def history(world: World, prices: Prices, seed: int) -> Estimate:
    generator = np.random.default_rng((7, seed))
    asked = prices(generator, DAYS)
    known = observed(DAYS, sales(asked, demand(generator, world, asked)))
    return estimated(known)["pro"]


def held(estimates: Sequence[Estimate], truth: float = World().elasticity) -> float:
    """Share of the intervals in which the truth lies."""
    return sum(one.lower <= truth <= one.upper for one in estimates) / len(estimates)


@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_holds_the_truth_as_often_as_it_says(name: str) -> None:
    world, prices = WORLDS[name]
    found = [history(world, prices, seed) for seed in range(SETS)]
    fitted = [one for one in found if one.freedom]
    assert len(fitted) > 0.98 * SETS
    assert abs(held(fitted) - NOMINAL) < TOLERANCE, held(fitted)
    told = [one for one in found if not one.reasons]
    assert len(told) > LEAST_TOLD[name] * SETS
    assert abs(held(told) - NOMINAL) < TOLERANCE, held(told)
    away = np.array([one.mean - world.elasticity for one in fitted])
    assert abs(away.mean()) < 0.1 * away.std() + 4 * away.std() / SETS**0.5, "biased"


def test_pooled_intervals_hold_the_truth_of_each_tier() -> None:
    """Four tiers whose elasticities differ: intervals are shorter, and still hold."""
    inside, pooled, alone = 0, 0.0, 0.0
    organisations, names = SETS // 4, ["a", "b", "c", "d"]
    for seed in range(organisations):
        generator = np.random.default_rng((8, seed))
        truth = -1.3 + 0.3 * generator.standard_normal(len(names))
        sold = []
        for name, elasticity in zip(names, truth, strict=True):
            prices = weekly_prices(generator, DAYS)
            world = World(elasticity=elasticity, noise=0.1, persistence=0.3)
            sold.append(sales(prices, demand(generator, world, prices), name))
        found = estimated(observed(DAYS, *sold, tier_ids=names))
        for name, elasticity in zip(names, truth, strict=True):
            estimate = found[name]
            inside += estimate.lower <= elasticity <= estimate.upper
            pooled += estimate.standard_error
            alone += estimate.diagnostics.standard_error
    assert abs(inside / SETS - NOMINAL) < TOLERANCE, inside
    assert pooled < alone


def test_what_sells_lies_between_p10_and_p90_as_often_as_it_says() -> None:
    """Thirty days at a price that is ten percent higher, after a history of shocks that last."""
    world = World(noise=0.1, persistence=0.4, trend=0.0, weekend=0.0)
    histories, days, price = 200, 30, round(1.1 * LIST_MINOR)
    told, within = 0, 0
    for seed in range(histories):
        generator = np.random.default_rng((9, seed))
        prices = weekly_prices(generator, DAYS)
        ahead = np.concatenate([prices, np.full(days, float(price))])
        units = demand(generator, world, ahead)
        known = observed(DAYS, sales(prices, units[:DAYS]))
        believed = learnt(known, seed)["pro"].believed
        if isinstance(believed, Belief):
            foretold = statistics.foretell(believed, price, days, 0).units
            told += 1
            within += foretold.p10 <= units[DAYS:].sum() <= foretold.p90
    assert told > 0.95 * histories
    assert abs(within / told - 0.8) < 3 * (0.8 * 0.2 / told) ** 0.5, within / told

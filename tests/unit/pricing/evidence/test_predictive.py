"""Two months that are counted lie within what was predicted as often as that says.

Of N intervals of 80 % the share that holds has a standard error of sqrt(0.8 * 0.2 / N); what is
asked for lies within three of them. Seeds are fixed, so the same count comes out each time.
"""

from __future__ import annotations

from array import array
from dataclasses import replace

import numpy as np
import pytest

from services.pricing.changes.rules import reviews
from services.pricing.evidence.rules.evidence import evidence
from services.pricing.evidence.rules.posterior import Belief, quantiles, revenue_changes
from services.pricing.evidence.rules.predictive import revenue_differences
from tests.simulating import LIST_MINOR, World, demand, learnt, observed, sales, weekly_prices
from tests.unit.pricing.evidence.test_posterior import BELIEF

HISTORIES = 150
NOMINAL = 0.8
TOLERANCE = 3 * (NOMINAL * (1 - NOMINAL) / HISTORIES) ** 0.5
DAYS, MONTH = 196, 30

INDEPENDENT = World(trend=0.0, weekend=0.0)
CASES = {
    "an increase": (INDEPENDENT, 1.1),
    "a decrease": (INDEPENDENT, 0.9),
    "overdispersed": (World(noise=0.25, trend=0.0), 0.9),
    "many": (World(per_day=300.0, trend=0.0, weekend=0.0), 1.1),
}


def reviewed(world: World, proposed: int, seed: int) -> tuple[bool, bool] | None:
    """Whether what came was within what reviews ask for, and within the expected revenue alone.

    The last month is at today's price; the change takes effect behind it or, when it takes notice,
    a month later, and everybody pays. None where the data could not tell.
    """
    generator = np.random.default_rng((9, seed))
    ahead = 0 if proposed < LIST_MINOR else MONTH
    prices = np.concatenate(
        [
            weekly_prices(generator, DAYS - MONTH),
            np.full(MONTH + ahead, LIST_MINOR),
            np.full(MONTH, proposed),
        ]
    )
    units = demand(generator, world, prices)
    known = observed(DAYS, sales(prices[:DAYS], units[:DAYS]))
    believed = learnt(known, seed)["pro"].believed
    if not isinstance(believed, Belief):
        return None
    told = evidence(
        believed, subscribers=0, revenue_minor=0, currency="EUR", current_minor=LIST_MINOR,
        proposed_minor=proposed,
    )  # fmt: skip
    came, was = (prices * units)[-MONTH:].sum(), (prices * units)[-2 * MONTH : -MONTH].sum()
    actual = round(came - was)
    predicted = reviews.impact_of(told, "EUR")
    expected = reviews.impact_of({"revenue_change_30_days": told["revenue_impact"]}, "EUR")
    assert predicted is not None
    assert expected is not None
    return predicted.holds(actual), expected.holds(actual)


@pytest.mark.parametrize("name", CASES)
def test_four_of_five_reviews_find_what_was_predicted(name: str) -> None:
    world, share = CASES[name]
    proposed = round(share * LIST_MINOR)
    tried = [reviewed(world, proposed, seed) for seed in range(HISTORIES)]
    found = [one for one in tried if one is not None]
    assert len(found) > 0.95 * HISTORIES
    within, expected = (sum(one) / len(found) for one in zip(*found, strict=True))
    assert abs(within - NOMINAL) < TOLERANCE, within
    assert expected < NOMINAL / 2, "a month that is counted is not what is expected of it"


def test_two_months_at_one_price_differ_by_chance_alone() -> None:
    worlds = 4_000
    belief = replace(
        BELIEF,
        draws_elasticity=array("d", [-1.0] * worlds),
        draws_units=array("d", [10.0] * worlds),
    )
    told = quantiles(revenue_differences(belief, belief.price_minor, MONTH))
    spread = belief.price_minor * (2 * MONTH * 10 * belief.dispersion) ** 0.5
    assert told.p50 == pytest.approx(0, abs=0.01 * spread)
    assert (told.p10, told.p90) == pytest.approx((-1.2816 * spread, 1.2816 * spread), rel=0.01)


def test_chance_moves_the_ends_and_not_the_middle() -> None:
    generator = np.random.default_rng(3)
    belief = replace(
        BELIEF,
        draws_elasticity=array("d", generator.normal(-1.2, 0.2, 4_000).tolist()),
        draws_units=array("d", generator.gamma(400, 0.05, 4_000).tolist()),
    )
    told = quantiles(revenue_differences(belief, 2_300, MONTH))
    expected = quantiles(revenue_changes(belief, 2_300, MONTH))
    assert told.p50 == pytest.approx(expected.p50, abs=0.1 * (told.p90 - told.p10))
    assert told.p90 - told.p10 > 2 * (expected.p90 - expected.p10)

"""What must not matter to an elasticity: units of measure, the order of rows, who else is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.estimates import Estimate
from services.pricing.evidence.rules.posterior import Belief
from services.pricing.evidence.rules.series import Observed, Sales, Tier, Usage, pieces
from tests.simulating import (
    LIST_MINOR,
    START,
    World,
    demand,
    estimated,
    learnt,
    observed,
    sales,
    weekly_prices,
)

DAYS = 90
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@cache
def sold() -> tuple[Sales, ...]:
    generator = np.random.default_rng(3)
    prices = weekly_prices(generator, DAYS)
    return sales(prices, demand(generator, World(noise=0.1), prices))


def estimate(known: Observed) -> Estimate:
    return estimated(known)["pro"]


def same(one: Estimate, other: Estimate) -> None:
    assert one.mean == pytest.approx(other.mean, abs=1e-4)
    assert one.lower == pytest.approx(other.lower, abs=1e-4)
    assert one.upper == pytest.approx(other.upper, abs=1e-4)
    assert one.reasons == other.reasons


@given(times=st.integers(1, 10_000))
@settings(max_examples=10, deadline=None)
def test_units_may_be_counted_in_dozens(times: int) -> None:
    more = tuple(
        replace(one, units=one.units * times, amount_minor=one.amount_minor * times)
        for one in sold()
    )
    same(estimate(observed(DAYS, more)), estimate(observed(DAYS, sold())))


@given(rate=st.floats(0.01, 1_000))
@settings(max_examples=10, deadline=None)
def test_amounts_may_be_of_any_currency(rate: float) -> None:
    foreign = tuple(replace(one, amount_minor=one.amount_minor * rate) for one in sold())
    same(estimate(observed(DAYS, foreign)), estimate(observed(DAYS, sold())))


@given(order=st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_rows_may_come_in_any_order_and_in_pieces(order: object) -> None:
    pieces = [
        part
        for one in sold()
        for part in (
            [one]
            if one.units < 2
            else [
                replace(one, units=1, amount_minor=one.amount_minor / one.units),
                replace(
                    one,
                    units=one.units - 1,
                    amount_minor=one.amount_minor * (one.units - 1) / one.units,
                ),
            ]
        )
    ]
    order.shuffle(pieces)  # type: ignore[attr-defined]
    same(estimate(observed(DAYS, tuple(pieces))), estimate(observed(DAYS, sold())))


def test_the_same_data_and_seed_give_the_same_belief() -> None:
    known = observed(DAYS, sold())
    once, again = (learnt(known, 5)["pro"] for _ in range(2))
    assert once == again
    believed = once.believed
    assert isinstance(believed, Belief)
    told = statistics.foretell(believed, 2_200, 30, 500)
    assert told == statistics.foretell(believed, 2_200, 30, 500)
    other = learnt(known, 6)["pro"]
    assert other.estimate == once.estimate, "estimates know no chance"
    assert other.believed != believed


def test_a_tier_that_tells_nothing_leaves_the_others_alone() -> None:
    known = observed(DAYS, sold())
    more = replace(known, tiers=(*known.tiers, Tier("idle", "EUR", LIST_MINOR, None)))
    found = estimated(more)
    same(found["pro"], estimate(known))
    assert found["idle"].reasons


def test_in_pieces_it_is_the_same() -> None:
    """An organisation of many tiers is learnt in pieces; the last of them is a small one."""
    names = [f"t{number:02}" for number in range(23)]
    sold_by_all = [tuple(replace(one, tier_id=name) for one in sold()) for name in names[:3]]
    usage = tuple(Usage(name, START, 5, 1) for name in names)
    known = observed(DAYS, *sold_by_all, tier_ids=names, usage=usage)
    parts = list(pieces(known))
    assert [len(part.tiers) for part in parts] == [20, 3]
    assert [len(part.usage) for part in parts] == [20, 3]
    found = [one for part in parts for one in statistics.fit(part)]
    owns = [one.own for one in found]
    apart = {
        name: one for own in found for name, one in statistics.believe([own], owns, 1, NOW).items()
    }
    assert apart == learnt(known, 1)


@pytest.mark.parametrize(("days", "most"), [(30, 20), (365, 13), (1_095, 4), (9_000, 1)])
def test_the_longer_the_days_the_fewer_tiers_are_in_a_piece(days: int, most: int) -> None:
    known = observed(days, tier_ids=[str(number) for number in range(50)])
    told = list(pieces(known))
    assert {len(part.tiers) for part in told[:-1]} == {most}
    assert [one for part in told for one in part.tiers] == list(known.tiers)

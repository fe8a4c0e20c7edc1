"""Plain arithmetic over the worlds of a belief."""

from __future__ import annotations

from array import array
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st

from footfall.pricing.v1 import approval_pb2
from services.pricing.evidence.rules.estimates import Diagnostics, Estimate, Reason
from services.pricing.evidence.rules.evidence import evidence, untold
from services.pricing.evidence.rules.posterior import (
    Belief,
    Quantiles,
    Thin,
    churn_shares,
    margin_changes,
    quantiles,
    rebased,
    revenue_changes,
    share_above_zero,
    units_per_day,
    whole_minor,
)
from services.pricing.evidence.wire import to_money_quantiles

ESTIMATE = Estimate("pro", -1.2, -1.6, -0.8, 0.2, 30.0, 0.9, Diagnostics())
BELIEF = Belief(
    tier_id="pro",
    currency="EUR",
    price_minor=2_000,
    draws_elasticity=array("d", [-2.0, -1.0, -0.5, 0.0]),
    draws_units=array("d", [10.0, 10.0, 20.0, 20.0]),
    dispersion=1.5,
    estimate=ESTIMATE,
    seed=1,
    as_of=datetime(2026, 1, 1, tzinfo=UTC),
    lowest_minor=1_500,
    highest_minor=2_500,
)
PRICES = st.integers(1, 1_000_000)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_quantiles_are_numpys(values: list[float]) -> None:
    told = quantiles(values)
    expected = np.quantile(values, [0.1, 0.5, 0.9])
    assert [told.p10, told.p50, told.p90] == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(PRICES, PRICES)
def test_a_belief_told_from_another_price_is_the_same(today: int, price: int) -> None:
    moved = rebased(BELIEF, today)
    assert isinstance(moved, Belief)
    assert moved.price_minor == today
    assert units_per_day(moved, price) == pytest.approx(units_per_day(BELIEF, price))


def test_without_a_price_nothing_can_be_told() -> None:
    told = rebased(BELIEF, 0)
    assert isinstance(told, Thin)
    assert told.reasons == (Reason.NO_TIER_PRICE,)
    assert rebased(told, 2_000) is told


def test_changes_are_counted_world_by_world() -> None:
    assert units_per_day(BELIEF, 1_000) == pytest.approx([40, 20, 20 * 2**0.5, 20])
    assert revenue_changes(BELIEF, 1_000, 10) == pytest.approx(
        [200_000, 0, 10 * (20_000 * 2**0.5 - 40_000), -200_000]
    )
    assert margin_changes(BELIEF, 1_000, 10, cost_minor=500) == pytest.approx(
        [50_000, -50_000, 10 * (10_000 * 2**0.5 - 30_000), -200_000]
    )
    assert churn_shares(BELIEF, 4_000) == pytest.approx([0.75, 0.5, 1 - 0.5**0.5, 0])
    assert churn_shares(BELIEF, 1_000) == [0, 0, 0, 0]
    assert share_above_zero(revenue_changes(BELIEF, 1_000, 10)) == 0.25
    assert revenue_changes(BELIEF, 2_000, 10) == [0, 0, 0, 0]


def frozen(believed: Belief | Thin, proposed: int, currency: str = "EUR") -> approval_pb2.Evidence:
    told = evidence(
        believed,
        subscribers=7,
        revenue_minor=123_456,
        currency=currency,
        current_minor=2_000,
        proposed_minor=proposed,
    )
    return ParseDict(told, approval_pb2.Evidence())


def test_evidence_is_that_of_the_contract() -> None:
    told = frozen(BELIEF, 2_200)
    assert told.subscribers == 7
    assert (told.revenue_30_days.units, told.revenue_30_days.nanos) == (1234, 560_000_000)
    assert told.change_percent == 10
    assert told.elasticity.p10 < told.elasticity.p50 < told.elasticity.p90
    assert told.revenue_impact.p10.units < 0 < told.revenue_impact.p90.units
    assert 0 <= told.churn_risk.p10 < told.churn_risk.p90 < 0.2
    assert told.confidence == 0.5
    assert told.method_version
    assert told.as_of.ToDatetime(UTC) == BELIEF.as_of
    assert not told.insufficient


@pytest.mark.parametrize("proposed", [0, 999, 3_751])
def test_beyond_what_was_seen_nothing_is_frozen(proposed: int) -> None:
    told = frozen(BELIEF, proposed)
    assert list(told.insufficient) == ["PRICE_BEYOND_EVIDENCE"]
    assert not told.HasField("revenue_impact")
    assert told.subscribers == 7


def test_where_the_data_cannot_tell_the_reasons_are_frozen() -> None:
    reasons = (Reason.PRICE_NEVER_VARIED, Reason.TOO_FEW_DAYS)
    told = frozen(Thin(reasons, BELIEF.as_of, replace(ESTIMATE, reasons=reasons)), 2_200, "JPY")
    assert list(told.insufficient) == ["PRICE_NEVER_VARIED", "TOO_FEW_DAYS"]
    assert told.revenue_30_days.units == 123_456
    assert not told.HasField("elasticity")


def test_without_statistics_the_evidence_says_so() -> None:
    told = ParseDict(
        untold(BELIEF.as_of, current_minor=2_000, proposed_minor=2_200), approval_pb2.Evidence()
    )
    assert list(told.insufficient) == ["STATISTICS_NOT_AVAILABLE"]
    assert told.change_percent == 10
    assert told.as_of.ToDatetime(UTC) == BELIEF.as_of
    assert not told.HasField("revenue_30_days")


@given(st.floats(allow_nan=False))
def test_absurd_amounts_end_where_amounts_end(amount: float) -> None:
    told = to_money_quantiles(Quantiles(-abs(amount), amount, abs(amount)), "JPY")
    assert told.p10.units <= told.p50.units <= told.p90.units
    assert told.p50.units == (round(amount) if abs(amount) < 1e18 else whole_minor(amount))


def test_of_absurd_sales_evidence_can_be_kept_all_the_same() -> None:
    price = 10**11
    sold = replace(
        BELIEF, currency="JPY", price_minor=price, draws_units=array("d", [1e12] * 4),
        lowest_minor=price, highest_minor=price,
    )  # fmt: skip
    told = evidence(
        sold, subscribers=0, revenue_minor=0, currency="JPY", current_minor=price,
        proposed_minor=round(1.2 * price),
    )  # fmt: skip
    assert orjson.loads(orjson.dumps(told)) == told
    frozen = ParseDict(told, approval_pb2.Evidence())
    impact = frozen.revenue_impact
    assert (impact.p10.units, impact.p90.units) == (-(10**18), 10**18)

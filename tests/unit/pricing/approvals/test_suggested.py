"""What a suggestion lends to the request that follows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pricing.approvals.rules.suggested import (
    evidence_of,
    risks_of_suggestion,
    suggests,
)
from shared.money import from_minor

MADE_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def money(minor: int, currency: str = "EUR") -> dict[str, Any]:
    """As JSON of the contract: units are text, and what is zero is not there."""
    units, nanos = from_minor(minor, currency)
    said: dict[str, Any] = {"currency_code": currency}
    if units:
        said["units"] = str(units)
    return {**said, "nanos": nanos} if nanos else said


SUGGESTION = {
    "suggestion_id": "x",
    "current_price": money(1000),
    "suggested_price": money(1150),
    "confidence": 0.9,
    "horizon_days": 90,
    "revenue_impact": {"p10": money(-300), "p50": money(900), "p90": money(2000)},
    "churn_risk": {"p10": 0.01, "p50": 0.02, "p90": 0.04},
    "elasticity": {"mean": -1.5, "lower": -2.5, "upper": -0.5},
    "risks": [{"name": "thin_history", "description": "Only 60 days."}],
    "objective": "OBJECTIVE_MARGIN",
    "method_version": "1",
}


def names(suggestion: dict[str, Any], current: int, proposed: int) -> list[str]:
    return [one.name for one in risks_of_suggestion(suggestion, current, proposed, "EUR")]


def test_its_evidence_is_that_of_a_month() -> None:
    found = evidence_of(SUGGESTION, MADE_AT)
    assert found["revenue_impact"] == {
        "p10": {"currency_code": "EUR", "units": "-1", "nanos": 0},
        "p50": {"currency_code": "EUR", "units": "3", "nanos": 0},
        "p90": {"currency_code": "EUR", "units": "6", "nanos": 670_000_000},
    }
    assert (found["confidence"], found["method_version"]) == (0.9, "1")
    assert found["objective"] == "OBJECTIVE_MARGIN"
    assert found["churn_risk"] == SUGGESTION["churn_risk"]
    assert found["as_of"] == "2026-11-21T12:00:00+00:00"


def test_an_interval_of_95_percent_becomes_one_of_80() -> None:
    found = evidence_of(SUGGESTION, MADE_AT)["elasticity"]
    assert found["p50"] == -1.5
    assert found["p10"] == pytest.approx(-1.5 - 1.281552 / 1.959964, abs=1e-6)
    assert found["p90"] - found["p50"] == pytest.approx(found["p50"] - found["p10"])


def test_what_it_does_not_know_it_does_not_lend() -> None:
    bare = {"current_price": money(1000), "elasticity": {"insufficient_data": True, "mean": -1.0}}
    assert evidence_of(bare, MADE_AT) == {"as_of": MADE_AT.isoformat()}


def test_another_price_than_the_suggested_one_is_a_risk() -> None:
    assert names(SUGGESTION, 1000, 1150) == ["thin_history"]
    assert names(SUGGESTION, 1000, 1200) == ["differs_from_suggestion", "thin_history"]
    assert names(SUGGESTION, 1100, 1150) == ["suggestion_outdated", "thin_history"]
    [told, *_] = risks_of_suggestion(SUGGESTION, 1000, 1200, "EUR")
    assert told.description.startswith("11.50 EUR was suggested, 12.00 EUR is asked for")


def test_it_is_about_one_price_from_one_other() -> None:
    assert suggests(SUGGESTION, 1000, 1150, "EUR")
    assert not suggests(SUGGESTION, 1000, 1151, "EUR")
    assert not suggests(SUGGESTION, 1001, 1150, "EUR")


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_a_month_of_a_month_is_the_same_to_the_minor_unit(minor: int, currency: str) -> None:
    suggestion = {"horizon_days": 30, "revenue_impact": {"p50": money(minor, currency)}}
    told = evidence_of(suggestion, MADE_AT)["revenue_impact"]["p50"]
    units, nanos = from_minor(minor, currency)
    assert (int(told["units"]), told["nanos"], told["currency_code"]) == (units, nanos, currency)

"""What was predicted against what came, in numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pricing.changes.rules import effects, reviews
from services.pricing.changes.rules.changes import (
    ChangeState,
    Impact,
    Payers,
    counted,
)
from shared.money import EXPONENTS, from_minor
from tests.changing import AT, a_change

ORG, OTHER = UUID(int=1), UUID(int=2)
currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.integers(-(10**12), 10**12)


def test_the_months_are_of_720_hours_on_both_sides() -> None:
    before, after = reviews.before(AT), reviews.after(AT, 30)
    assert before.until == after.since == AT
    for window in (before, after, reviews.after(AT, 90)):
        assert window.until - window.since == timedelta(hours=720)
    assert reviews.after(AT, 60).until == AT + timedelta(days=60)


@given(minors, currencies)
def test_whole_minor_units_survive(minor: int, currency: str) -> None:
    micros = minor * 10 ** (6 - EXPONENTS[currency])
    assert reviews.minor_units(micros, currency) == minor


@given(st.integers(-(10**18), 10**18), currencies)
def test_parts_are_rounded_to_the_nearest_and_halves_to_the_even_one(
    micros: int, currency: str
) -> None:
    exact = Fraction(micros, 10 ** (6 - EXPONENTS[currency]))
    assert reviews.minor_units(micros, currency) == round(exact)


@given(minors, minors, minors, currencies)
def test_a_prediction_is_read_as_it_was_frozen(low: int, mid: int, high: int, code: str) -> None:
    told = {}
    for name, minor in (("p10", low), ("p50", mid), ("p90", high)):
        units, nanos = from_minor(minor, code)
        told[name] = {"currency_code": code, "units": str(units), "nanos": nanos}
    assert reviews.impact_of({"revenue_change_30_days": told}, code) == Impact(low, mid, high)


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"revenue_change_30_days": None},
        {"insufficient": ["NO_DATA"]},
        {"revenue_impact": {"p10": {}, "p50": {}, "p90": {}}},
    ],
)
def test_where_nothing_could_be_told_there_is_no_prediction(evidence: dict[str, object]) -> None:
    assert reviews.impact_of(evidence, "EUR") is None


def test_zeros_that_were_left_out_are_zeros() -> None:
    told: dict[str, dict[str, object]] = {"p10": {}, "p50": {"units": 1}, "p90": {"units": "2"}}
    assert reviews.impact_of({"revenue_change_30_days": told}, "JPY") == Impact(0, 1, 2)


@given(minors, minors, minors)
def test_the_ends_are_within(low: int, mid: int, high: int) -> None:
    low, mid, high = sorted((low, mid, high))
    impact = Impact(low, mid, high)
    assert impact.holds(low)
    assert impact.holds(mid)
    assert impact.holds(high)
    assert not impact.holds(low - 1)
    assert not impact.holds(high + 1)


@given(minors, st.floats(0, 1))
def test_what_too_few_paid_is_not_judged(actual: int, share: float) -> None:
    impact = Impact(-100, 0, 100)
    told = reviews.within(impact, actual, share)
    assert told == (impact.holds(actual) if share >= 0.9 else None)
    assert reviews.within(None, actual, share) is None


def test_an_etag_is_of_one_change_at_one_time_in_one_organisation() -> None:
    one = a_change()
    etags = {
        one.etag(ORG), one.etag(OTHER), a_change(changes=2).etag(ORG), a_change(number=4).etag(ORG),
    }  # fmt: skip
    assert len(etags) == 4
    assert one.number_of(ORG, one.etag(ORG)) == 1
    assert one.number_of(ORG, a_change(changes=2).etag(ORG)) == -1


def test_a_message_has_one_id_whoever_sends_it_when() -> None:
    about = {effects.message_id(a_change(), "EFFECTIVE") for _ in range(3)}
    assert len(about) == 1
    others = {effects.message_id(a_change(), f"review {days}") for days in reviews.REVIEW_DAYS}
    assert len(about | others) == 4


def test_every_state_that_a_change_comes_to_has_its_word_in_the_log() -> None:
    made = {ChangeState.APPROVED, ChangeState.NOTICE_RUNNING}
    assert set(effects.ACTS) == set(ChangeState) - made
    assert len(set(effects.ACTS.values())) == len(effects.ACTS)


def test_a_change_counts_those_of_its_tier_from_before_it_and_whom_it_has_reached() -> None:
    payers = [
        Payers("pro", 1, 1, 5),  # not reached
        Payers("pro", 1, 2, 3),
        Payers("pro", 2, 2, 7),  # came with the new price
        Payers("max", 1, 2, 100),
    ]
    found = counted(a_change(), payers, told=4)
    assert (found.subscribers, found.notices_delivered, found.subscribers_effective) == (8, 4, 3)


def test_only_what_is_ahead_or_in_force_stands() -> None:
    standing = [state for state in ChangeState if replace(a_change(), state=state).stands]
    assert standing == [ChangeState.APPROVED, ChangeState.NOTICE_RUNNING, ChangeState.EFFECTIVE]

"""What is remembered of insight's answers, and which are believed."""

from __future__ import annotations

import math
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.journeys.rules.vocabulary import Signals
from services.journey.signals.rules.answers import Answers, can_be, is_low, waiting_seconds

ORG = uuid4()
SIGNALS = Signals(feature_uses=3, feature_uses_p25=4.5, measured_at=0)


def test_they_are_remembered_for_a_minute() -> None:
    answers = Answers()
    answers.put((ORG, "one"), SIGNALS, 0)
    assert answers.get((ORG, "one"), 59.9) == SIGNALS
    assert answers.get((ORG, "one"), 60) is None


def test_organisations_have_their_own() -> None:
    answers = Answers()
    answers.put((ORG, "one"), SIGNALS, 0)
    assert answers.get((uuid4(), "one"), 0) is None


@given(asked=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_of_too_many_the_one_unused_for_longest_goes(asked: list[tuple[bool, int]]) -> None:
    answers, used = Answers(most=4), list[int]()
    for put, number in asked:
        key = ORG, str(number)
        assert (answers.get(key, 0) is not None) == (number in used)
        if put:
            answers.put(key, SIGNALS, 0)
        if put or number in used:
            used = [*(one for one in used if one != number), number][-4:]


@pytest.mark.parametrize(
    ("lag", "p25", "counts"),
    [
        (math.nan, 1.0, (1,)),
        (math.inf, 1.0, (1,)),
        (-0.1, 1.0, (1,)),
        (1e300, 1.0, (1,)),
        (0.0, math.nan, (1,)),
        (0.0, math.inf, (1,)),
        (0.0, -1.0, (1,)),
        (0.0, 1.0, (1, -1)),
    ],
)
def test_nonsense_is_not_believed(lag: float, p25: float, counts: tuple[int, ...]) -> None:
    assert not can_be(lag, p25, *counts)
    assert can_be(0.0, None, 0)
    assert can_be(3600.0, 2.5, 7, 0)


@pytest.mark.parametrize(
    ("uses", "p25", "low"), [(4, 4.5, True), (5, 4.5, False), (5, 5.0, False), (0, None, False)]
)
def test_low_is_below_the_quartile(uses: int, p25: float | None, *, low: bool) -> None:
    assert is_low(uses, p25) == low


@given(budget=st.floats(0.001, 5), remaining=st.none() | st.floats(0, 100))
def test_a_caller_never_waits_beyond_budget_or_what_it_has_left(
    budget: float, remaining: float | None
) -> None:
    seconds = waiting_seconds(budget, remaining)
    assert 0 <= seconds <= budget
    assert remaining is None or seconds <= remaining / 2

"""Who has a run, and when."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.runs import rules
from services.insight.runs.rules import Standing

HOUR, DAY = 3600.0, 86_400.0
ACME = UUID(int=1)


def standing(run_ago: float | None, logged_ago: float | None) -> Standing:
    return Standing(ACME, run_ago, logged_ago)


@pytest.mark.parametrize(
    ("run_ago", "logged_ago", "failed_ago", "due"),
    [
        (None, None, None, True),  # never looked at
        (None, 5.0, None, True),
        (HOUR - 1, 5.0, None, False),  # the hour is not over
        (HOUR, 5.0, None, True),
        (HOUR, HOUR + 59, None, True),  # may have been committed after the run had looked
        (HOUR, HOUR + 60, None, False),  # nothing new
        (HOUR, None, None, False),
        (DAY - 1, None, None, False),
        (DAY, None, None, True),  # silence is a finding too
        (None, None, HOUR - 1, False),  # dead letters do not pile up
        (None, None, HOUR, True),
        (DAY, 5.0, 5.0, False),
    ],
)
def test_due_is_who_has_news_after_the_interval_and_everyone_after_a_day(
    run_ago: float | None, logged_ago: float | None, failed_ago: float | None, *, due: bool
) -> None:
    assert rules.is_due(standing(run_ago, logged_ago), failed_ago, HOUR) is due


def test_failures_are_looked_up_by_organisation() -> None:
    other = Standing(UUID(int=2), None, None)
    failed_ago = {ACME: 1.0}
    assert rules.due([standing(None, None), other], failed_ago, HOUR) == [other.org_id]


@pytest.mark.parametrize(
    ("run_ago", "wait"), [(None, 30.0), (0.0, 60.0), (20.0, 40.0), (30.0, 30.0), (500.0, 30.0)]
)
def test_events_wait_for_their_neighbours_and_for_the_rest_of_the_last_run(
    run_ago: float | None, wait: float
) -> None:
    assert rules.wait(run_ago, soon=30.0, rest=60.0) == wait


def test_the_fifth_try_is_the_last() -> None:
    assert [rules.is_last(before) for before in range(6)] == [False] * 4 + [True] * 2


@given(attempts=st.integers(0, 3), first=st.floats(0.01, 3600))
def test_pauses_grow(attempts: int, first: float) -> None:
    assert rules.pause(0, first) == first
    assert rules.pause(attempts + 1, first) > rules.pause(attempts, first)

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.making import (
    Made,
    Tally,
    Verdict,
    counted_since,
    policy_of,
    verdict,
)
from services.journey.learning.rules.policy import Policy

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EMAIL, MEETING = Action.EMAIL_OUTREACH, Action.SCHEDULE_MEETING
HALF_LIFE = 90.0


def policy(*tallies: Tally, version: int = 1) -> Policy:
    return policy_of(version, tallies)


def email(taken: float, left: float, outcomes: int | None = None) -> Policy:
    return policy(
        Tally("", EMAIL, taken, left, int(taken + left) if outcomes is None else outcomes)
    )


def test_all_together_is_the_sum_of_segments_and_of_those_without() -> None:
    made = policy(
        Tally("", EMAIL, 1, 2, 3), Tally("pro", EMAIL, 3, 4, 8), Tally("pro", MEETING, 0.5, 0, 1)
    )
    assert made.beliefs[None] == {EMAIL: (4, 6), MEETING: (0.5, 0)}
    assert made.beliefs["pro"] == {EMAIL: (3, 4), MEETING: (0.5, 0)}
    assert made.beliefs.keys() == {None, "pro"}
    assert made.outcomes == 12


def test_the_largest_hundred_segments_are_kept() -> None:
    made = policy(*(Tally(f"s{at:03}", EMAIL, at, 0, at) for at in range(1, 151)))
    kept = set(made.beliefs) - {None}
    assert kept == {f"s{at:03}" for at in range(51, 151)}
    assert made.beliefs[None][EMAIL].taken == sum(range(1, 151))


def test_the_first_outcome_makes_the_first_version() -> None:
    assert verdict(None, email(1, 0), NOW, HALF_LIFE) is Verdict.NEW
    assert verdict(None, policy(), NOW, HALF_LIFE) is Verdict.SAME


def test_nothing_new_makes_no_version() -> None:
    assert verdict(Made(email(30, 20), NOW), email(30, 20), NOW, HALF_LIFE) is Verdict.SAME


def test_time_alone_makes_no_version() -> None:
    """After a half-life all counts half, and that is all there is to it."""
    before = Made(email(30, 20), NOW - timedelta(days=90))
    assert verdict(before, email(15, 10, 50), NOW, HALF_LIFE) is Verdict.SAME


def test_a_replaced_outcome_makes_a_version() -> None:
    assert verdict(Made(email(30, 20), NOW), email(29, 21), NOW, HALF_LIFE) is Verdict.NEW


def test_another_half_life_makes_a_version() -> None:
    before = Made(email(15, 10, 50), NOW)
    assert verdict(before, email(20, 13, 50), NOW, HALF_LIFE) is Verdict.NEW


@pytest.mark.parametrize(
    ("known", "added", "minutes", "expected"),
    [
        (100, 1, 0, Verdict.NEW),
        (10_000, 1, 0, Verdict.LATER),
        (10_000, 99, 9, Verdict.LATER),
        (10_000, 100, 0, Verdict.NEW),
        (10_000, 1, 10, Verdict.NEW),
    ],
)
def test_a_busy_organisation_has_no_version_for_each_outcome(
    known: int, added: int, minutes: int, expected: Verdict
) -> None:
    before = Made(email(known, 0), NOW - timedelta(minutes=minutes))
    assert verdict(before, email(known + added, 0), NOW, HALF_LIFE) is expected


def test_four_hundred_days_count() -> None:
    first = counted_since(date(2026, 11, 21))
    assert (date(2026, 11, 21) - first).days + 1 == 400

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from services.journey.actions.rules.decision import Arm, Decision, Recommended
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import DAY, SECOND, Action, Micros, Outcome
from services.journey.learning.rules.outcomes import (
    NO_DECISION,
    Change,
    Counted,
    Told,
    changes,
    check,
    counted,
    outcome_id,
    rank_of,
)
from shared.errors import InvalidField

NOW = to_micros(datetime(2026, 11, 21, 12, tzinfo=UTC))
TODAY = date(2026, 11, 21)
EMAIL, MEETING, VOICE = (
    Action.EMAIL_OUTREACH,
    Action.SCHEDULE_MEETING,
    Action.SEND_VOICE_MESSAGE,
)


def decision(made_at: Micros = NOW, client_id: str = "c-1", segment: str = "pro") -> Decision:
    return Decision(
        decision_id=UUID(int=1),
        client_id=client_id,
        segment=segment,
        made_at=made_at,
        expires_at=made_at + DAY,
        settings_version=0,
        policy_version=3,
        seed=5,
        arm=Arm.LEARNT,
        rules_action=EMAIL,
        recommended=(Recommended(MEETING, 0.7), Recommended(EMAIL, 0.3)),
    )


def told(
    at: Micros = NOW, action: Action = EMAIL, by: Decision | None = None, client: str = "c-1"
) -> Told:
    return Told(client, action, Outcome.ACCEPTED, at, by)


@pytest.mark.parametrize(
    "good",
    [
        told(),
        told(NOW + 60 * SECOND),
        told(NOW - 90 * DAY),
        told(by=decision()),
        told(by=decision(NOW - 90 * DAY)),
        told(action=MEETING, by=decision()),
    ],
    ids=["now", "clocks differ", "90 days", "with a decision", "of 90 days", "the other action"],
)
def test_what_can_be_is_taken(good: Told) -> None:
    check(good, NOW)


@pytest.mark.parametrize(
    ("bad", "fields"),
    [
        (told(NOW + 61 * SECOND), ["occurred_at"]),
        (told(NOW - 90 * DAY - 1), ["occurred_at"]),
        (told(by=decision(NOW - 90 * DAY - 1)), ["decision_token"]),
        (told(by=decision(client_id="c-2")), ["decision_token"]),
        (told(action=VOICE, by=decision()), ["action"]),
        (
            told(NOW - 91 * DAY, VOICE, decision(NOW - 91 * DAY)),
            ["occurred_at", "action", "decision_token"],
        ),
    ],
    ids=["the future", "long ago", "an old decision", "another client's", "not recommended", "all"],
)
def test_what_cannot_be_is_refused_by_its_field(bad: Told, fields: list[str]) -> None:
    with pytest.raises(InvalidField) as refused:
        check(bad, NOW)
    assert [one.field for one in refused.value.violations] == fields


def test_an_outcome_of_a_decision_has_one_id_for_each_action() -> None:
    ids = {outcome_id(decision(), action) for action in (EMAIL, MEETING)}
    assert len(ids) == 2
    assert outcome_id(decision(), EMAIL) in ids


def test_the_rank_is_the_place_in_the_decision() -> None:
    assert [rank_of(decision(), action) for action in (MEETING, EMAIL, VOICE)] == [1, 2, 0]


def test_it_counts_in_the_segment_that_the_decision_was_made_for() -> None:
    """The client may have moved since."""
    assert counted(told(by=decision()), "moved") == (TODAY, "pro", EMAIL, 3, Outcome.ACCEPTED)
    assert counted(told(), "moved") == (TODAY, "moved", EMAIL, NO_DECISION, Outcome.ACCEPTED)


def test_days_are_those_of_utc() -> None:
    midnight = to_micros(datetime(2026, 11, 21, tzinfo=UTC))
    assert counted(told(midnight), "").day == TODAY
    assert counted(told(midnight - 1), "").day == date(2026, 11, 20)


def cell(outcome: Outcome, day: date = TODAY) -> Counted:
    return Counted(day, "", EMAIL, 1, outcome)


def test_the_first_outcome_is_added() -> None:
    assert changes(None, cell(Outcome.FAILED)) == [Change(TODAY, "", EMAIL, 1, 0, 0, 0, 1)]


def test_a_replaced_outcome_is_moved() -> None:
    """From accepted to failed: one less, one more, in one cell."""
    found = changes(cell(Outcome.ACCEPTED), cell(Outcome.FAILED))
    assert found == [Change(TODAY, "", EMAIL, 1, -1, 0, 0, 1)]


def test_the_same_outcome_again_changes_nothing() -> None:
    assert changes(cell(Outcome.IGNORED), cell(Outcome.IGNORED)) == []


def test_cells_come_in_one_order_whichever_was_first() -> None:
    """Two that replace in opposite directions would wait for each other for ever."""
    yesterday = cell(Outcome.ACCEPTED, date(2026, 11, 20))
    today = cell(Outcome.ACCEPTED)
    forth, back = changes(yesterday, today), changes(today, yesterday)
    assert [one.day for one in forth] == [one.day for one in back] == [yesterday.day, today.day]
    assert [one.accepted for one in forth] == [-1, 1]

from __future__ import annotations

import pytest

from services.journey.actions.rules.eligibility import rests_until
from services.journey.journeys.rules.standing import Contact
from services.journey.journeys.rules.vocabulary import DAY, Action, Outcome

NOW = 1_795_000_000_000_000
EMAIL, MEETING = Action.EMAIL_OUTREACH, Action.SCHEDULE_MEETING


def contact(outcome: Outcome, days_ago: float, action: Action = EMAIL) -> Contact:
    return Contact(action, outcome, NOW - int(days_ago * DAY))


@pytest.mark.parametrize(
    ("contacts", "days", "rests"),
    [
        ([], 14, None),
        ([contact(Outcome.ACCEPTED, 0), contact(Outcome.SUCCEEDED, 1)], 14, None),
        ([contact(Outcome.IGNORED, 0)], 14, 14),
        ([contact(Outcome.FAILED, 4)], 14, 10),
        ([contact(Outcome.FAILED, 14)], 14, None),
        ([contact(Outcome.FAILED, 0)], 0, None),
        ([contact(Outcome.FAILED, 0, MEETING)], 14, None),
        ([contact(Outcome.ACCEPTED, 0), contact(Outcome.IGNORED, 3)], 14, 11),
    ],
    ids=["none", "taken", "ignored", "days ago", "over", "no rest", "another", "since then taken"],
)
def test_an_action_rests_after_a_rejection(
    contacts: list[Contact], days: int, rests: int | None
) -> None:
    until = None if rests is None else NOW + rests * DAY
    assert rests_until(EMAIL, contacts, days, NOW) == until

from __future__ import annotations

import pytest

from services.journey.actions.rules.decision import Arm
from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.estimates import Weighed, wilson
from services.journey.learning.rules.outcomes import NO_DECISION
from services.journey.learning.rules.policy import Counts, Policy
from services.journey.learning.rules.report import (
    Numbers,
    Sum,
    by_action,
    learnt,
    off_policy,
    uplift,
)

EMAIL, MEETING = Action.EMAIL_OUTREACH, Action.SCHEDULE_MEETING
SUMS = [
    Sum(MEETING, Arm.LEARNT, Numbers(30, 20, 10, 5)),
    Sum(EMAIL, Arm.LEARNT, Numbers(20, 5, 5, 5)),
    Sum(EMAIL, Arm.HELD_OUT, Numbers(8, 20, 2, 10)),
    Sum(EMAIL, NO_DECISION, Numbers(1, 1, 1, 1)),
    Sum(EMAIL, Arm.RULES, Numbers(0, 6, 0, 0)),
]


def test_the_numbers_of_an_action_are_of_all_it_came_by() -> None:
    (email, first), (meeting, second) = by_action(SUMS)
    assert (email, first) == (EMAIL, Numbers(29, 32, 8, 16))
    assert (meeting, second) == (MEETING, Numbers(30, 20, 10, 5))
    assert first.taken_up == (37 / 85, *wilson(37, 85), 85)
    assert first.success == (8 / 24, *wilson(8, 24), 24)


def test_an_action_whose_outcomes_went_elsewhere_has_none() -> None:
    assert by_action([Sum(EMAIL, NO_DECISION, Numbers())]) == []


def test_uplift_compares_what_was_learnt_with_the_held_out_alone() -> None:
    found = uplift(SUMS)
    assert found is not None
    assert (found.learnt.value, found.learnt.n) == (0.65, 100)
    assert (found.held_out.value, found.held_out.n) == (0.25, 40)
    assert found.difference.value == pytest.approx(0.4)
    assert found.difference.lower > 0
    assert found.conclusive


def test_uplift_that_may_be_nothing_is_not_conclusive() -> None:
    few = [Sum(EMAIL, Arm.LEARNT, Numbers(3, 2)), Sum(EMAIL, Arm.HELD_OUT, Numbers(1, 2))]
    found = uplift(few)
    assert found is not None
    assert found.difference.lower < 0 < found.difference.upper
    assert not found.conclusive


@pytest.mark.parametrize("arm", [Arm.LEARNT, Arm.HELD_OUT])
def test_without_both_kinds_there_is_no_uplift(arm: Arm) -> None:
    assert uplift([one for one in SUMS if one.arm != arm]) is None


def test_the_rules_are_judged_from_thirty_decisions_on() -> None:
    assert off_policy(Weighed(29, 10, 20.0, 30.0, 5.0)) is None
    found = off_policy(Weighed(30, 10, 20.0, 30.0, 5.0))
    assert found is not None
    assert found.rules.value == 0.25
    assert found.logged.value == pytest.approx(1 / 3)
    assert found.effective_n == pytest.approx(400 / 30)
    assert off_policy(Weighed(30, 10, 0.0, 0.0, 0.0)) is None


def test_what_is_believed_is_told_by_segment_and_action() -> None:
    policy = Policy(
        4,
        60,
        {
            None: {MEETING: Counts(30, 20), EMAIL: Counts(5, 5)},
            "pro": {EMAIL: Counts(5, 5), MEETING: Counts(0, 0)},
        },
    )
    found = learnt(policy, Learning())
    assert [(one.segment, one.action) for one in found] == [
        ("", EMAIL),
        ("", MEETING),
        ("pro", EMAIL),
    ]
    assert found[1].effect.mean == pytest.approx(35 / 60)
    assert found[1].effect.outcomes == 50

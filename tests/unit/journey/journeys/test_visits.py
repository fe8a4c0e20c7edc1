"""Visits to stages: by hand, and laws of their order."""

from __future__ import annotations

from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.journeys.rules.facts import derive
from services.journey.journeys.rules.journey import lasted, time_in_stages
from services.journey.journeys.rules.visits import Visit, continued, usual, visits
from services.journey.journeys.rules.vocabulary import DAY, Happening, Stage
from tests.journeys import NOW, event, happenings


def test_each_move_ends_a_visit_and_begins_the_next() -> None:
    lead, note, billing = event(9, stage=Stage.LEAD), event(8), event(7, stage=Stage.BILLING)
    first, second = visits([billing, note, lead])
    assert (first.stage, first.entered_at, first.event_id) == (Stage.LEAD, *_of(lead))
    assert (first.left_at, first.next_stage) == (NOW - 7 * DAY, Stage.BILLING)
    assert (second.stage, second.entered_at, second.event_id) == (Stage.BILLING, *_of(billing))
    assert (second.left_at, second.next_stage) == (None, None)
    assert [first.unusual, second.unusual] == [False, True]


def test_saying_the_same_stage_again_does_not_break_a_visit() -> None:
    assert len(visits([event(9, stage=Stage.LEAD), event(8, stage=Stage.LEAD)])) == 1


def test_two_moves_at_one_moment_are_a_visit_of_no_time() -> None:
    first, second = visits([event(9, stage=Stage.LEAD), event(9, stage=Stage.QUALIFIED_LEAD)])
    assert lasted(first, NOW) == 0
    assert lasted(second, NOW) == 9 * DAY


@pytest.mark.parametrize(("before", "after"), [*product((None, *Stage), Stage)])
def test_any_stage_may_follow_any(before: Stage | None, after: Stage) -> None:
    """An unusual move is marked, never refused."""
    moves = [event(9, stage=before), event(8, stage=after)]
    found = visits(moves)
    assert found[-1].stage is after
    assert found[-1].unusual is not usual(before, after)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, Stage.RETENTION, True),
        (Stage.LEAD, Stage.QUALIFIED_LEAD, True),
        (Stage.BILLING, Stage.CHURN_RISK, True),
        (Stage.CHURN_RISK, Stage.RETENTION, True),
        (Stage.RETENTION, Stage.UPSELL_CANDIDATE, True),
        (Stage.LEAD, Stage.BILLING, False),
        (Stage.ACTIVE_PROJECT, Stage.LEAD, False),
        (Stage.CHURN_RISK, Stage.LEAD, False),
    ],
)
def test_the_usual_moves(before: Stage | None, after: Stage, *, expected: bool) -> None:
    assert usual(before, after) is expected


def test_time_in_a_stage_is_that_of_all_its_visits() -> None:
    way = [Stage.ACTIVE_PROJECT, Stage.AWAITING_FEEDBACK, Stage.ACTIVE_PROJECT]
    found = visits(event(9 - place, stage=stage) for place, stage in enumerate(way))
    spent = {one.stage: (one.micros, one.visits) for one in time_in_stages(found, NOW)}
    assert spent == {Stage.ACTIVE_PROJECT: (8 * DAY, 2), Stage.AWAITING_FEEDBACK: (DAY, 1)}


class TestLaws:
    @given(happenings(), st.integers())
    def test_the_order_of_arrival_does_not_matter(self, events: list[Happening], seed: int) -> None:
        shuffled = [*events]
        Random(seed).shuffle(shuffled)
        assert visits(shuffled) == visits(events)

    @given(happenings(), st.data())
    def test_going_on_is_the_same_as_beginning_anew(
        self, events: list[Happening], data: st.DataObject
    ) -> None:
        ordered = sorted(events, key=lambda one: one.key)
        cut = data.draw(st.integers(0, len(ordered)))
        before = visits(ordered[:cut])
        following = visits(ordered[cut:], derive(ordered[:cut]).stage)
        assert continued(before, following) == visits(events)

    @given(happenings())
    def test_visits_follow_each_other_without_gap_and_overlap(
        self, events: list[Happening]
    ) -> None:
        found = visits(events)
        for one, following in pairwise(found):
            assert (one.left_at, one.next_stage) == (following.entered_at, following.stage)
            assert one.stage is not following.stage
        assert [one.left_at for one in found[-1:]] in ([], [None])

    @given(happenings())
    def test_the_last_visit_is_where_the_facts_say_the_client_is(
        self, events: list[Happening]
    ) -> None:
        facts = derive(events)
        last = visits(events)[-1:]
        assert [(one.stage, one.entered_at) for one in last] == (
            [] if facts.stage is None else [(facts.stage, facts.stage_at)]
        )

    @given(happenings())
    def test_the_times_sum_to_the_time_since_the_first_move(self, events: list[Happening]) -> None:
        found = visits(events)
        spent = sum(one.micros for one in time_in_stages(found, NOW))
        assert spent == (NOW - found[0].entered_at if found else 0)
        assert sum(one.visits for one in time_in_stages(found, NOW)) == len(found)


def _of(happening: Happening) -> tuple[int, object]:
    return happening.occurred_at, happening.event_id


def test_a_visit_that_lasts_is_told_up_to_the_moment_that_is_asked_about() -> None:
    (visit,) = visits([event(9, stage=Stage.LEAD)])
    assert isinstance(visit, Visit)
    assert lasted(visit, NOW - 2 * DAY) == 7 * DAY

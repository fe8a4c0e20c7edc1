"""Intervals of funnels, and what is made of counts."""

from __future__ import annotations

from typing import Any

import pytest

from services.journey.funnels.errors import IntervalEmpty, IntervalTooLong
from services.journey.funnels.rules.funnel import (
    Ended,
    FunnelQuestion,
    Move,
    Span,
    Step,
    funnel,
    moves,
    span,
)
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.vocabulary import DAY, Micros, Stage

NOW: Micros = 20_000 * DAY + 1


def asked(start: Micros | None = None, end: Micros | None = None, **more: Any) -> FunnelQuestion:
    return FunnelQuestion(start, end, **{"segment": "", "now": NOW, "past": None, **more})


class TestSpan:
    def test_is_a_year_up_to_now(self) -> None:
        assert span(asked()) == Span(NOW - 365 * DAY, NOW)

    def test_is_a_year_up_to_the_time_that_is_asked_about(self) -> None:
        then = NOW - 50 * DAY
        assert span(asked(past=then)) == Span(then - 365 * DAY, then)

    def test_is_a_year_up_to_its_end(self) -> None:
        assert span(asked(end=NOW - DAY)) == Span(NOW - 366 * DAY, NOW - DAY)

    def test_ends_when_it_is_asked_about(self) -> None:
        assert span(asked(NOW - DAY)) == Span(NOW - DAY, NOW)

    def test_begins_with_the_calendar_at_the_earliest(self) -> None:
        first = -719_162 * DAY
        assert span(asked(end=first + DAY)) == Span(first, first + DAY)
        assert from_micros(first).isoformat() == "0001-01-01T00:00:00+00:00"

    @pytest.mark.parametrize(
        ("start", "end", "field"),
        [
            (NOW, NOW, "interval.end_time"),
            (NOW, NOW - 1, "interval.end_time"),
            (NOW, None, "interval.start_time"),
        ],
    )
    def test_must_hold_some_time(self, start: Micros, end: Micros | None, field: str) -> None:
        with pytest.raises(IntervalEmpty) as refused:
            span(asked(start, end))
        assert [one.field for one in refused.value.violations] == [field]

    def test_must_not_be_longer_than_ten_years(self) -> None:
        longest = asked(NOW - 3653 * DAY, NOW)
        assert span(longest) == Span(NOW - 3653 * DAY, NOW)
        with pytest.raises(IntervalTooLong) as refused:
            span(asked(NOW - 3653 * DAY - 1, NOW))
        assert [one.field for one in refused.value.violations] == ["interval"]


class TestFunnel:
    def test_has_every_stage_in_its_order(self) -> None:
        found = funnel([Step(Stage.BILLING, 3, 1)], [], Span(NOW - DAY, NOW), NOW)
        assert [step.stage for step in found.steps] == list(Stage)
        assert [step.entered for step in found.steps] == [0, 0, 0, 0, 0, 3, 0, 0, 0]

    def test_a_conversion_is_a_share(self) -> None:
        assert Step(Stage.LEAD, 4, 1).conversion == 0.25
        assert Step(Stage.LEAD, 4, 0).conversion == 0

    @pytest.mark.parametrize(
        "step", [Step(Stage.LEAD), Step(Stage.UPSELL_CANDIDATE, 4), Step(Stage.CHURN_RISK, 4)]
    )
    def test_there_is_none_without_anyone_or_any_later_stage(self, step: Step) -> None:
        assert step.conversion is None

    def test_is_complete_once_its_interval_is_over(self) -> None:
        assert funnel([], [], Span(NOW - DAY, NOW), NOW).complete
        assert not funnel([], [], Span(NOW - DAY, NOW + DAY), NOW).complete

    def test_shares_are_of_all_visits_the_most_frequent_move_first(self) -> None:
        lead, billing, lost = Stage.LEAD, Stage.BILLING, Stage.CHURN_RISK
        counts = [
            Ended(lead, None, 5, 0.0),
            Ended(lead, lost, 2, 7.0),
            Ended(billing, lost, 2, 9.0),
            Ended(lead, billing, 3, 8.0),
        ]
        assert moves(counts) == [
            Move(lead, billing, 3, 0.3, 8.0),
            Move(lead, lost, 2, 0.2, 7.0),
            Move(billing, lost, 2, 1.0, 9.0),
        ]

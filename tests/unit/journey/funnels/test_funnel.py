"""Intervals of funnels, and what is made of counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.journey.funnels.errors import IntervalEmpty, IntervalTooLong
from services.journey.funnels.rules.asked import asked
from services.journey.funnels.rules.funnel import Ended, Move, Span, Step, funnel, moves, span
from services.journey.journeys.rules.vocabulary import Stage
from shared.errors import InvalidField

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class TestSpan:
    def test_is_a_year_up_to_the_time_that_is_asked_about(self) -> None:
        assert span(None, None, NOW) == Span(NOW - 365 * DAY, NOW)

    def test_is_a_year_up_to_its_end(self) -> None:
        assert span(None, NOW - DAY, NOW) == Span(NOW - 366 * DAY, NOW - DAY)

    def test_ends_when_it_is_asked_about(self) -> None:
        assert span(NOW - DAY, None, NOW) == Span(NOW - DAY, NOW)

    def test_begins_with_time_itself_at_the_earliest(self) -> None:
        first = datetime(1, 1, 1, tzinfo=UTC)
        assert span(None, first + DAY, NOW) == Span(first, first + DAY)

    @pytest.mark.parametrize(
        ("start", "end", "field"),
        [
            (NOW, NOW, "interval.end_time"),
            (NOW, NOW - DAY, "interval.end_time"),
            (NOW + DAY, None, "interval.start_time"),
        ],
    )
    def test_must_hold_some_time(self, start: datetime, end: datetime | None, field: str) -> None:
        with pytest.raises(IntervalEmpty) as refused:
            span(start, end, NOW)
        assert [one.field for one in refused.value.violations] == [field]

    def test_must_not_be_longer_than_ten_years(self) -> None:
        start = NOW.replace(year=2016)
        assert span(start, NOW, NOW).start == start
        with pytest.raises(IntervalTooLong) as refused:
            span(start - 2 * DAY, NOW, NOW)
        assert [one.field for one in refused.value.violations] == ["interval"]


class TestAsked:
    @pytest.mark.parametrize("away", [-60, -1, 0, 1, 60])
    def test_within_a_minute_is_now(self, away: int) -> None:
        found = asked(NOW + timedelta(seconds=away), NOW)
        assert (found.as_of, found.is_now) == (NOW, True)

    def test_before_it_is_the_past(self) -> None:
        then = NOW - timedelta(seconds=61)
        found = asked(then, NOW)
        assert (found.as_of, found.is_now) == (then, False)

    @pytest.mark.parametrize(
        "when", [NOW + timedelta(seconds=61), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    )
    def test_the_future_and_the_last_century_are_refused(self, when: datetime) -> None:
        with pytest.raises(InvalidField) as refused:
            asked(when, NOW)
        assert [one.field for one in refused.value.violations] == ["as_of"]


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

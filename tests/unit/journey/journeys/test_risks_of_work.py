"""Risks of the work that is done for a client, and of how it uses the product."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.journey.journeys.rules.risks import next_change
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    DAY,
    Happening,
    Norms,
    Risk,
    Signals,
    Stage,
)
from tests.journeys import DEFAULTS, ENGAGED, MICRO, NOW, client, event, found, risks


def visiting(days: float, *events: Happening, usual_days: float | None = None) -> Standing:
    norms = Norms(None if usual_days is None else usual_days * 86_400)
    return client(event(days, stage=Stage.ACTIVE_PROJECT), *ENGAGED, *events, norms=norms)


class TestSlowProjectProgress:
    @pytest.mark.parametrize(
        ("days", "usual_days", "holds"),
        [
            (29, None, False),
            (30 - MICRO, None, False),
            (30, None, True),
            (31, None, True),
            (30, 20, True),
            (29, 20, False),
            (30, 29.999, True),
            (30, 30, False),
            (30 + MICRO, 30, True),
            (45, 45, False),
            (45 + MICRO, 45, True),
            (46, 45, True),
            (44, 45, False),
        ],
    )
    def test_longer_than_usual_and_at_least_thirty_days(
        self, days: float, usual_days: float | None, *, holds: bool
    ) -> None:
        standing = visiting(days, usual_days=usual_days)
        assert (Risk.SLOW_PROJECT_PROGRESS in risks(standing)) is holds

    @pytest.mark.parametrize(
        ("milestones", "holds"),
        [
            ([], True),
            ([15], True),
            ([14], True),
            ([14 - MICRO], False),
            ([13], False),
            ([20, 13], False),
            ([0], False),
        ],
    )
    def test_not_while_milestones_are_reached(
        self, milestones: list[float], *, holds: bool
    ) -> None:
        reached = [event(ago, "milestone_reached") for ago in milestones]
        assert (Risk.SLOW_PROJECT_PROGRESS in risks(visiting(60, *reached))) is holds

    def test_only_in_active_project(self) -> None:
        left = event(5, stage=Stage.BILLING)
        assert risks(visiting(60, left)) == set()
        assert risks(client(event(60, stage=Stage.ONBOARDING), *ENGAGED)) == set()

    def test_the_time_counts_from_when_the_stage_was_entered_last(self) -> None:
        away, back = event(40, stage=Stage.BILLING), event(20, stage=Stage.ACTIVE_PROJECT)
        assert risks(visiting(60, away, back)) == set()
        said_again = event(20, stage=Stage.ACTIVE_PROJECT)
        assert risks(visiting(60, said_again)) == {Risk.SLOW_PROJECT_PROGRESS}

    def test_what_it_says(self) -> None:
        finding = found(visiting(60, usual_days=45.04))[Risk.SLOW_PROJECT_PROGRESS]
        assert finding.evidence == (
            "In active_project since 2024-08-05, 45 days or more, without a milestone in 14 days"
        )
        assert finding.numbers == {"threshold_days": 45, "milestone_days": 14}
        assert finding.clears_when == "milestone_reached, or a move to another stage"

    def test_since_when(self) -> None:
        slow = found(visiting(60))[Risk.SLOW_PROJECT_PROGRESS]
        assert slow.since == NOW - 30 * DAY
        paused = found(visiting(60, event(20, "milestone_reached")))[Risk.SLOW_PROJECT_PROGRESS]
        assert paused.since == NOW - 6 * DAY


class TestLowFeatureUsage:
    @pytest.mark.parametrize(
        ("signals", "holds"),
        [
            (None, False),
            (Signals(0, None, NOW), False),
            (Signals(0, 0, NOW), False),
            (Signals(0, 0.5, NOW), True),
            (Signals(11, 12, NOW), True),
            (Signals(12, 12, NOW), False),
            (Signals(13, 12, NOW), False),
            (Signals(12, 12.25, NOW), True),
        ],
    )
    def test_below_the_quarter_of_active_clients(
        self, signals: Signals | None, *, holds: bool
    ) -> None:
        standing = client(*ENGAGED, signals=signals)
        assert (Risk.LOW_FEATURE_USAGE in risks(standing)) is holds

    def test_without_signals_it_is_not_guessed(self) -> None:
        assert risks(client(*ENGAGED, signals=None)) == set()

    def test_it_clears_when_the_signal_does(self) -> None:
        before = client(*ENGAGED, signals=Signals(3, 12.5, NOW - DAY))
        assert risks(before) == {Risk.LOW_FEATURE_USAGE}
        assert risks(replace(before, signals=Signals(13, 12.5, NOW))) == set()

    def test_what_it_says(self) -> None:
        signals = Signals(3, 12.5, NOW)
        finding = found(client(*ENGAGED, signals=signals))[Risk.LOW_FEATURE_USAGE]
        assert finding.evidence == (
            "3 uses of features in 30 days, fewer than 12.5, the 25th percentile of active clients"
        )
        assert finding.numbers == {"feature_uses_in_30_days": 3, "threshold": 12.5}
        assert finding.clears_when == "12.5 uses of features in 30 days, or more"
        assert finding.since is None, "signals do not tell"


def opened(days_ago: float, ticket: str | None = None) -> Happening:
    metadata: dict[str, Any] = {} if ticket is None else {"ticket_id": ticket}
    return event(days_ago, "support_ticket_opened", **metadata)


def closed(days_ago: float, ticket: str) -> Happening:
    return event(days_ago, "support_ticket_closed", ticket_id=ticket)


class TestHighSupportTickets:
    @pytest.mark.parametrize(
        ("events", "holds"),
        [
            ([opened(1, "a"), opened(2, "b")], False),
            ([opened(1, "a"), opened(2, "b"), opened(3, "c")], True),
            ([opened(1), opened(2), opened(3)], True),
            ([opened(1, "a"), opened(2, "a"), opened(3, "a")], False),
            ([opened(1, "a"), opened(2, "b"), opened(13)], True),
            ([opened(1, "a"), opened(2, "b"), opened(14 - MICRO)], True),
            ([opened(1, "a"), opened(2, "b"), opened(14)], False),
            ([opened(1, "a"), opened(2, "b"), opened(15)], False),
            ([opened(1, "a"), opened(2, "b"), opened(15, "c")], True),
            ([opened(1, "a"), opened(2, "b"), opened(15, "c"), closed(1, "c")], False),
            ([opened(1, "a"), opened(2, "b"), opened(13, "c"), closed(1, "c")], True),
            ([opened(60, "a"), opened(61, "b"), opened(62, "c")], True),
            ([opened(60, "a"), closed(50, "a"), opened(2, "a"), opened(1), opened(1)], True),
        ],
    )
    def test_three_that_are_open_or_were_opened_in_two_weeks(
        self, events: list[Happening], *, holds: bool
    ) -> None:
        assert (Risk.HIGH_SUPPORT_TICKETS in risks(client(*ENGAGED, *events))) is holds

    def test_high_support_tickets_clear_when_old_ones_are_closed(self) -> None:
        """A risk that cleared is gone."""
        waiting = [*ENGAGED, *(opened(60, one) for one in "abc")]
        assert risks(client(*waiting)) == {Risk.HIGH_SUPPORT_TICKETS}
        assert risks(client(*waiting, closed(1, "a"))) == set()

    def test_what_it_says(self) -> None:
        events = [opened(60, "a"), opened(3, "b"), closed(2, "b"), opened(5)]
        finding = found(client(*ENGAGED, *events))[Risk.HIGH_SUPPORT_TICKETS]
        assert finding.evidence == (
            "3 support tickets opened in 14 days or still open (1 open), 3 or more"
        )
        assert finding.numbers == {"tickets": 3, "open_tickets": 1, "threshold": 3}
        assert finding.clears_when == (
            "fewer than 3 that are open or were opened in the last 14 days"
        )
        assert finding.since == NOW - 3 * DAY, "the last of the three"

    def test_a_ticket_that_is_opened_again_counts_once_from_first_to_last(self) -> None:
        again = [opened(10, "a"), closed(9, "a"), opened(2, "a"), closed(1, "a")]
        standing = client(*ENGAGED, *again, opened(5), opened(4))
        assert found(standing)[Risk.HIGH_SUPPORT_TICKETS].since == NOW - 4 * DAY
        assert next_change(standing, DEFAULTS, NOW) == NOW + 9 * DAY, "the one of 5 days ago leaves"
        later = NOW + 8 * DAY
        assert found(standing, now=later)[Risk.HIGH_SUPPORT_TICKETS].numbers["tickets"] == 3

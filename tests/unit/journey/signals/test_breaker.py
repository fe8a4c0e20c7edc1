"""When insight is asked: the laws of the breaker, however calls come, end and overlap."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.journey.signals.rules.breaker import Breaker, Breakers, End, Patience, Turn, Turns

PATIENCE = Patience(in_a_row=3, looked_at=8, share=0.5, window_seconds=30, pause_seconds=2)


def failing(breaker: Breaker, times: int, now: float = 0.0) -> list[Turn | None]:
    """So many calls that are made and fail, one after the other."""
    return [record(breaker, now, ok=False) for _ in range(times)]


def record(breaker: Breaker, now: float, *, ok: bool) -> Turn | None:
    """A call that is made and ends at once."""
    ticket = breaker.admit(now)
    assert ticket is not None
    return breaker.record(ticket, now, ok=ok)


class TestOpening:
    def test_after_failures_in_a_row(self) -> None:
        breaker = Breaker(PATIENCE)
        assert failing(breaker, 3) == [None, None, Turn.OPENED]
        assert breaker.admit(1.9) is None
        assert not breaker.closed

    def test_not_when_one_succeeds_between(self) -> None:
        breaker = Breaker(PATIENCE)
        for _ in range(3):
            failing(breaker, 1)
            for _ in range(3):
                record(breaker, 0, ok=True)
        failing(breaker, 2)
        assert breaker.closed

    def test_when_half_of_the_latest_fail(self) -> None:
        breaker = Breaker(PATIENCE)
        turns = [record(breaker, 0, ok=ok) for ok in [True, False] * 4]
        assert turns == [None] * 7 + [Turn.OPENED]

    def test_not_for_what_failed_long_ago(self) -> None:
        breaker = Breaker(PATIENCE)
        for second, ok in enumerate([True, False] * 20):
            record(breaker, second * 5.0, ok=ok)
        assert breaker.closed

    def test_what_it_bears_by_itself(self) -> None:
        assert failing(Breaker(), 5) == [None] * 4 + [Turn.OPENED]


class TestProbing:
    def test_one_call_tries_after_the_pause(self) -> None:
        breaker = Breaker(PATIENCE)
        failing(breaker, 3)
        probe = breaker.admit(2.0)
        assert probe is not None
        assert breaker.admit(100.0) is None
        assert breaker.record(probe, 101, ok=True) is Turn.CLOSED
        assert breaker.admit(101) is not None
        assert breaker.admit(101) is not None

    def test_one_that_fails_begins_another_pause_and_is_not_told(self) -> None:
        breaker = Breaker(PATIENCE)
        failing(breaker, 3)
        probe = breaker.admit(2.0)
        assert probe is not None
        assert breaker.record(probe, 2.5, ok=False) is None
        assert breaker.admit(4.4) is None
        assert breaker.admit(4.5) is not None

    def test_late_ends_of_earlier_calls_neither_close_nor_open_it(self) -> None:
        breaker = Breaker(PATIENCE)
        early = [breaker.admit(0.0) for _ in range(5)]
        assert None not in early
        failing(breaker, 3)
        assert breaker.record(early[0] or 0, 1, ok=True) is None
        probe = breaker.admit(2)
        assert probe is not None
        assert breaker.record(early[1] or 0, 2, ok=True) is None
        assert breaker.admit(2) is None
        breaker.record(probe, 2, ok=True)
        for ticket in early[2:]:
            assert breaker.record(ticket or 0, 3, ok=False) is None
        assert breaker.closed


ORGS = [UUID(int=number) for number in range(4)]
NOTHING = Turns(None, None)


def end(breakers: Breakers, org_id: UUID, how: End, now: float = 0.0) -> Turns:
    """A call that is made and ends at once."""
    tickets = breakers.admit(org_id, now)
    assert tickets is not None
    return breakers.record(tickets, now, how)


class TestOneForEachOrganisation:
    @pytest.mark.parametrize("how", [End.LATE, End.WRONG])
    def test_what_is_late_or_wrong_counts_for_its_organisation_only(self, how: End) -> None:
        breakers = Breakers(PATIENCE)
        turns = [end(breakers, ORGS[0], how) for _ in range(3)]
        assert turns == [NOTHING, NOTHING, Turns(None, Turn.OPENED)]
        assert breakers.admit(ORGS[0], 1.9) is None
        assert breakers.away(0)
        assert end(breakers, ORGS[1], End.WELL) == NOTHING
        assert end(breakers, ORGS[0], End.WELL, 2.0) == Turns(None, Turn.CLOSED)
        assert not breakers.away(2.0)

    def test_that_nobody_is_there_counts_for_all(self) -> None:
        breakers = Breakers(PATIENCE)
        turns = [end(breakers, org_id, End.AWAY) for org_id in ORGS[:3]]
        assert turns == [NOTHING, NOTHING, Turns(Turn.OPENED, None)]
        assert [breakers.admit(org_id, 1.9) for org_id in ORGS] == [None] * 4
        assert end(breakers, ORGS[3], End.WELL, 2.0) == Turns(Turn.CLOSED, None)
        assert all(breakers.admit(org_id, 2.0) for org_id in ORGS)

    def test_a_late_answer_does_not_say_that_somebody_is_there(self) -> None:
        breakers = Breakers(PATIENCE)
        for org_id in ORGS[:2]:
            end(breakers, org_id, End.AWAY)
        assert end(breakers, ORGS[3], End.LATE) == NOTHING
        assert end(breakers, ORGS[2], End.AWAY) == Turns(Turn.OPENED, None)
        assert end(breakers, ORGS[3], End.LATE, 2.0) == NOTHING
        assert breakers.admit(ORGS[2], 3.9) is None

    def test_who_is_kept_away_by_one_breaker_is_no_probe_of_the_other(self) -> None:
        breakers = Breakers(PATIENCE)
        for _ in range(3):
            end(breakers, ORGS[0], End.WRONG, 1.0)
        for org_id in ORGS[1:]:
            end(breakers, org_id, End.AWAY)
        assert breakers.admit(ORGS[0], 2.0) is None  # its own pause lasts
        assert end(breakers, ORGS[1], End.WELL, 2.0) == Turns(Turn.CLOSED, None)
        assert end(breakers, ORGS[0], End.WELL, 3.0) == Turns(None, Turn.CLOSED)

    def test_an_organisation_that_asks_no_more_is_not_told_of_for_ever(self) -> None:
        breakers = Breakers(PATIENCE)
        for _ in range(3):
            end(breakers, ORGS[0], End.LATE)
        assert breakers.away(29.9)
        assert not breakers.away(30)

    def test_of_too_many_the_one_unused_for_longest_is_forgotten(self) -> None:
        breakers = Breakers(PATIENCE, most=2)
        for org_id in ORGS[:2]:
            for _ in range(3):
                end(breakers, org_id, End.LATE)
        end(breakers, ORGS[2], End.WELL)
        assert breakers.admit(ORGS[1], 1.0) is None
        assert end(breakers, ORGS[0], End.WELL, 1.0) == NOTHING

    @given(st.lists(st.tuples(st.sampled_from(ORGS[1:]), st.sampled_from([*End][:3]))))
    def test_no_answers_to_others_keep_an_organisation_from_asking(
        self, ends: list[tuple[UUID, End]]
    ) -> None:
        breakers = Breakers(PATIENCE)
        for org_id, how in ends:
            if tickets := breakers.admit(org_id, 0.0):
                breakers.record(tickets, 0.0, how)
            assert breakers.admit(ORGS[0], 0.0) is not None


class Laws(RuleBasedStateMachine):
    """A breaker beside a list of what is under way, in any order and overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(PATIENCE)
        self.now = 0.0
        self.under_way: list[tuple[int, bool]] = []
        """Tickets, and whether each is a probe."""
        self.opened_at: float | None = None

    @rule(seconds=st.floats(0, 3))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        closed = self.breaker.closed
        ticket = self.breaker.admit(self.now)
        if closed:
            assert ticket is not None
        elif ticket is None:
            assert self.probes() or self.now < self.opened() + PATIENCE.pause_seconds
        else:
            assert self.now >= self.opened() + PATIENCE.pause_seconds
        if ticket is not None:
            self.under_way.append((ticket, not closed))

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 99), ok=st.booleans())
    def a_call_ends(self, which: int, ok: bool) -> None:  # noqa: FBT001 - hypothesis fills it
        ticket, probe = self.under_way.pop(which % len(self.under_way))
        was_closed = self.breaker.closed
        turn = self.breaker.record(ticket, self.now, ok=ok)
        assert (turn is Turn.OPENED) == (was_closed and not self.breaker.closed)
        assert (turn is Turn.CLOSED) == (not was_closed and self.breaker.closed)
        assert self.breaker.closed == (ok if probe else was_closed and turn is None)
        if turn is Turn.OPENED or (probe and not ok):
            self.opened_at = self.now

    def probes(self) -> int:
        return sum(probe for _, probe in self.under_way)

    def opened(self) -> float:
        assert self.opened_at is not None
        return self.opened_at

    @invariant()
    def never_more_than_one_probe(self) -> None:
        assert self.probes() <= 1
        assert not (self.probes() and self.breaker.closed)


TestLaws = Laws.TestCase

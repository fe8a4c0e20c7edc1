"""When events leave, in which company, and what happens when they cannot: by a clock of numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from footfall.events.v1.event_ingest_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_CONFLICT,
    VERDICT_DUPLICATE,
    VERDICT_REJECTED,
    EventResult,
    IngestEventsRequest,
)
from footfall.events.v1.event_pb2 import Event
from footfall_client.accounts import Counts, Ledger
from footfall_client.options import Options, SpoolOptions
from footfall_client.outbox import Batch, Outbox
from footfall_client.retry import Backoff, Failure
from footfall_client.spool import Spool
from footfall_client.verdicts import DropCode, Dropped, Rejected

AWAY = Failure("UNAVAILABLE", "DATABASE_AWAY", "", retryable=True)
REFUSED = Failure("UNAUTHENTICATED", "CREDENTIAL_REFUSED", "", retryable=False)


class Desk:
    """An outbox and its ledger."""

    def __init__(self, options: Options | None = None) -> None:
        self.ledger = Ledger()
        options = options or Options()
        backoff = Backoff(options.backoff_base, options.backoff_cap, random=lambda: 1.0)
        self.spool = Spool(options.spool) if options.spool else None
        self.outbox = Outbox(options, self.ledger, backoff, self.spool)
        self.made = 0

    def add(self, count: int = 1, *, now: float = 0.0, urgent: bool = False, size: int = 0) -> None:
        for _ in range(count):
            self.made += 1
            event = Event(event_id=str(self.made), type="login", feature="x" * size)
            self.outbox.add(event.SerializeToString(), urgent=urgent, now=now)

    def taken(self, now: float = 0.0) -> Batch:
        batch = self.outbox.take(now)
        assert batch is not None
        return batch

    def accept(self, batch: Batch, now: float = 0.0) -> None:
        results = [EventResult(verdict=VERDICT_ACCEPTED)] * len(batch.entries)
        assert self.outbox.resolve(batch, results, now) == []

    @property
    def counts(self) -> Counts:
        return self.ledger.counts()


def test_a_lone_event_waits_for_company_until_the_interval_has_passed() -> None:
    desk = Desk()
    desk.add(now=100.0)
    assert desk.outbox.take(104.9) is None
    assert desk.outbox.wake_in(104.0) == pytest.approx(1.0)
    assert len(desk.taken(105.0).entries) == 1


def test_fifty_events_do_not_wait() -> None:
    desk = Desk()
    desk.add(49)
    assert desk.outbox.take(0.0) is None
    desk.add(1)
    assert len(desk.taken().entries) == 50


def test_an_urgent_event_takes_along_all_who_wait() -> None:
    desk = Desk()
    desk.add(3)
    desk.add(1, urgent=True)
    assert len(desk.taken().entries) == 4


def test_a_backlog_leaves_in_larger_batches_and_no_more_than_two_at_once() -> None:
    desk = Desk()
    desk.add(1200)
    batches = [desk.outbox.take(0.0) for _ in range(3)]
    assert [len(batch.entries) if batch else None for batch in batches] == [500, 500, None]


def test_a_batch_stays_below_its_bytes_and_is_the_request_that_the_proto_says() -> None:
    desk = Desk(Options(max_batch_bytes=1000, max_in_flight=10))
    desk.add(5, size=400)
    request = IngestEventsRequest.FromString(desk.taken().request())
    assert [event.event_id for event in request.events] == ["1", "2"]
    assert len(desk.taken().entries) == 2


def test_a_full_queue_takes_no_more_and_says_why() -> None:
    outbox = Desk(Options(max_queue_events=1)).outbox
    assert outbox.add(b"1", urgent=False, now=0.0) is None
    reason = outbox.add(b"2", urgent=False, now=0.0)
    assert reason is not None
    assert reason.code is DropCode.QUEUE_FULL


def test_what_is_in_flight_counts_against_the_queue() -> None:
    desk = Desk(Options(max_queue_events=50))
    desk.add(50)
    desk.taken()
    desk.add(1)
    assert desk.counts == Counts(sent=51, pending=50, dropped=1)


def test_a_passing_failure_pauses_everybody_and_then_one_batch_feels_its_way() -> None:
    desk = Desk()
    desk.add(1100)
    first, second = desk.taken(), desk.taken()
    desk.outbox.resolve(first, AWAY, now=10.0)
    desk.outbox.resolve(second, AWAY, now=10.0)
    assert desk.outbox.failures == 1  # one outage, not two
    assert desk.outbox.take(10.24) is None
    again = desk.taken(10.25)
    assert again is first
    assert desk.outbox.take(10.25) is None
    desk.accept(again)
    assert desk.taken() is second
    assert len(desk.taken().entries) == 100


def test_pauses_double_up_to_the_cap_and_end_with_a_success() -> None:
    desk = Desk(Options(backoff_base=1.0, backoff_cap=4.0))
    desk.add(50)
    now, pauses = 0.0, []
    for _ in range(5):
        desk.outbox.resolve(desk.taken(now), AWAY, now)
        pauses.append(desk.outbox.wake_in(now))
        now += pauses[-1] or 0.0
    assert pauses == [1.0, 2.0, 4.0, 4.0, 4.0]
    desk.accept(desk.taken(now))
    assert desk.outbox.failures == 0


def test_retry_info_is_a_minimum() -> None:
    desk = Desk(Options(backoff_base=1.0))
    desk.add(50)
    asked = Failure("RESOURCE_EXHAUSTED", "QUOTA_EXHAUSTED", "", retryable=True, retry_after=60.0)
    desk.outbox.resolve(desk.taken(), asked, now=0.0)
    assert desk.outbox.take(60.9) is None
    assert desk.outbox.take(61.0) is not None


def test_a_failure_for_good_drops_its_batch_and_no_other() -> None:
    desk = Desk()
    desk.add(50)
    notices = desk.outbox.resolve(desk.taken(), REFUSED, now=0.0)
    assert len(notices) == 50
    assert isinstance(notices[0], Dropped)
    assert str(notices[0].reason) == "call_failed: UNAUTHENTICATED (CREDENTIAL_REFUSED)"
    desk.add(50)
    desk.accept(desk.taken())
    assert desk.counts == Counts(sent=100, acknowledged=50, dropped=50)


def test_duplicates_are_acknowledged_and_conflicts_and_unknown_verdicts_are_not() -> None:
    desk = Desk(Options(flush_at=5))
    desk.add(5)
    verdicts = (VERDICT_ACCEPTED, VERDICT_DUPLICATE, VERDICT_CONFLICT, VERDICT_REJECTED)
    results = [EventResult(verdict=verdict) for verdict in verdicts]
    results.append(EventResult.FromString(b"\x10\x63"))  # verdict 99, of a newer server
    notices = desk.outbox.resolve(desk.taken(), results, now=0.0)
    refused = [notice.event.event_id for notice in notices if isinstance(notice, Rejected)]
    assert refused == ["3", "4", "5"]
    assert desk.counts == Counts(sent=5, acknowledged=2, rejected=3)


def test_an_answer_of_another_length_is_no_answer() -> None:
    desk = Desk()
    desk.add(50)
    notices = desk.outbox.resolve(desk.taken(), [EventResult(verdict=VERDICT_ACCEPTED)], now=0.0)
    assert {type(notice) for notice in notices} == {Dropped}
    assert desk.counts == Counts(sent=50, dropped=50)


def test_a_flush_reaches_what_was_there_and_not_what_came_later() -> None:
    desk = Desk()
    desk.add(3)
    mark = desk.outbox.flush()
    batch = desk.taken()
    desk.add(1)
    assert not desk.outbox.reached(mark)
    desk.accept(batch)
    assert desk.outbox.reached(mark)
    assert desk.outbox.take(0.0) is None


def test_a_long_pause_makes_a_flush_hopeless() -> None:
    desk = Desk(Options(backoff_base=10.0))
    desk.add(50)
    desk.outbox.resolve(desk.taken(), AWAY, now=0.0)
    assert desk.outbox.hopeless(9.0)
    assert not desk.outbox.hopeless(10.0)


def test_after_the_end_an_answer_changes_nothing() -> None:
    desk = Desk()
    desk.add(50)
    batch = desk.taken()
    desk.outbox.shut()
    assert len(desk.outbox.abandon()) == 50
    desk.accept(batch)
    desk.add(1)
    assert desk.counts == Counts(sent=51, dropped=51)


def test_what_is_on_disk_only_goes_before_what_comes_after_it(tmp_path: Path) -> None:
    options = Options(
        max_queue_events=2, max_in_flight=1, flush_at=1, spool=SpoolOptions(directory=tmp_path)
    )
    desk = Desk(options)
    desk.add(4)
    assert desk.counts == Counts(sent=4, pending=2, spooled=2)
    desk.accept(desk.taken())
    desk.add(1)
    sent = []
    while batch := desk.outbox.take(0.0):
        sent += [entry.event().event_id for entry in batch.entries]
        desk.accept(batch)
    assert sent == ["3", "4", "5"]
    assert desk.counts == Counts(sent=5, acknowledged=5)
    assert desk.spool is not None
    desk.spool.close()
    assert list(tmp_path.iterdir()) == []

"""The law over any schedule: every event is in exactly one place, and the sheet says which.

`sent = acknowledged + rejected + dropped + spooled + pending`, whatever the order of verdicts,
outages, flushes, restarts and the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from footfall.events.v1.event_ingest_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_CONFLICT,
    VERDICT_DUPLICATE,
    VERDICT_REJECTED,
    EventResult,
    Verdict,
)
from footfall.events.v1.event_pb2 import Event
from footfall_client.accounts import Ledger
from footfall_client.options import Options, SpoolOptions, Sync
from footfall_client.outbox import Batch, Outbox
from footfall_client.retry import Backoff, Failure
from footfall_client.spool import Spool
from footfall_client.verdicts import STORED, Dropped, Notice

VERDICTS = (VERDICT_ACCEPTED, VERDICT_DUPLICATE, VERDICT_CONFLICT, VERDICT_REJECTED)


class AnySchedule(RuleBasedStateMachine):
    """One outbox after the other, over one spool directory or none."""

    @initialize(
        spooled=st.booleans(),
        queue=st.integers(1, 6),
        flush_at=st.integers(1, 4),
        in_flight=st.integers(1, 3),
        room=st.sampled_from((600, 100_000)),
    )
    def begin(self, *, spooled: bool, queue: int, flush_at: int, in_flight: int, room: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        spool = SpoolOptions(
            directory=Path(self.folder.name), max_bytes=room, segment_bytes=200, sync=Sync.NEVER
        )
        self.options = Options(
            flush_at=flush_at,
            max_queue_events=queue,
            max_in_flight=in_flight,
            max_batch_events=5,
            spool=spool if spooled else None,
        )
        self.now = 0.0
        self.serial = 0
        self.on_disk: set[str] = set()
        self.start()

    def start(self) -> None:
        self.spool = Spool(self.options.spool) if self.options.spool else None
        self.ledger = Ledger()
        self.outbox = Outbox(self.options, self.ledger, Backoff(0.5, 4.0), self.spool)
        self.flying: list[Batch] = []
        self.open = set(self.on_disk)
        self.acknowledged: set[str] = set()
        self.rejected: set[str] = set()
        self.dropped: set[str] = set()
        assert self.ledger.counts().spooled == len(self.open)

    @rule(urgent=st.booleans(), count=st.integers(1, 12))
    def track(self, *, urgent: bool, count: int) -> None:
        for _ in range(count):
            self.serial += 1
            event = Event(event_id=f"e{self.serial}", type="login")
            dropped = self.outbox.add(event.SerializeToString(), urgent=urgent, now=self.now)
            (self.dropped if dropped else self.open).add(event.event_id)

    @rule(seconds=st.floats(0.0, 10.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def flush(self) -> None:
        mark = self.outbox.flush()
        assert self.outbox.reached(mark) == (not self.open)

    @rule()
    def send(self) -> None:
        batch = self.outbox.take(self.now)
        if batch is None:
            wake_in = self.outbox.wake_in(self.now)
            assert wake_in is None or wake_in > 0
        else:
            assert batch.entries
            self.flying.append(batch)

    @rule(verdicts=st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=5), last=st.booleans())
    def answer(self, verdicts: list[Verdict.ValueType], *, last: bool) -> None:
        self.send()
        if not self.flying:
            return
        batch = self.flying.pop(-1 if last else 0)
        verdicts = (verdicts * len(batch.entries))[: len(batch.entries)]
        results = [EventResult(verdict=verdict) for verdict in verdicts]
        for entry, result in zip(batch.entries, results, strict=True):
            if result.verdict in STORED:
                self.acknowledged.add(entry.event().event_id)
        self.note(self.outbox.resolve(batch, results, self.now))
        self.open -= self.acknowledged

    @precondition(lambda self: self.flying)
    @rule(retryable=st.booleans(), retry_after=st.sampled_from((0.0, 3.0)))
    def fail(self, *, retryable: bool, retry_after: float) -> None:
        failure = Failure("ANY", "", "", retryable=retryable, retry_after=retry_after)
        self.note(self.outbox.resolve(self.flying.pop(), failure, self.now))

    @rule()
    def have_a_good_day(self) -> None:
        """Whatever came before: when the server takes everything, everything arrives."""
        while batch := self.flying.pop() if self.flying else self.outbox.take(self.now + 100.0):
            self.now += 100.0
            self.acknowledged.update(entry.event().event_id for entry in batch.entries)
            results = [EventResult(verdict=VERDICT_ACCEPTED) for _ in batch.entries]
            self.note(self.outbox.resolve(batch, results, self.now))
        self.open -= self.acknowledged
        assert not self.open

    @rule()
    def lose_the_loop(self) -> None:
        self.outbox.reclaim()
        self.flying.clear()

    @rule()
    def end_and_start_again(self) -> None:
        self.end()
        self.start()

    @invariant()
    def everything_is_somewhere(self) -> None:
        if not hasattr(self, "ledger"):
            return
        counts = self.ledger.counts()
        assert counts.balanced
        assert counts.acknowledged == len(self.acknowledged)
        assert counts.rejected == len(self.rejected)
        assert counts.dropped == len(self.dropped)
        assert counts.pending + counts.spooled == len(self.open)
        assert counts.pending <= self.options.max_queue_events
        assert len(self.flying) <= self.options.max_in_flight

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.end()
            self.folder.cleanup()

    def end(self) -> None:
        self.outbox.shut()
        self.note(self.outbox.abandon())
        counts = self.ledger.counts()
        assert counts.pending == 0
        assert counts.spooled == len(self.open)
        if self.spool is not None:
            self.spool.close()
            assert self.left_on_disk() == self.open
        self.on_disk = set(self.open)

    def left_on_disk(self) -> set[str]:
        assert self.options.spool is not None
        found: list[bytes] = []
        spool = Spool(self.options.spool)
        while some := spool.read(3):
            found += [payload for _, payload in some]
        spool.close()
        ids = [Event.FromString(payload).event_id for payload in found]
        assert len(ids) == len(set(ids))
        return set(ids)

    def note(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            place = self.dropped if isinstance(notice, Dropped) else self.rejected
            place.add(notice.event.event_id)
            self.open.remove(notice.event.event_id)


TestTheLawHoldsOverAnySchedule = AnySchedule.TestCase
TestTheLawHoldsOverAnySchedule.settings = settings(
    max_examples=250, stateful_step_count=50, deadline=None
)

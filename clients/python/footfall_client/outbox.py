"""The heart of both clients: what waits, what is due, what is on its way, and what became of it.

No thread, no clock and no network in here. The caller holds its lock around every call, says what
time it is (monotonic seconds), makes the calls, and hands on the notices that it gets back.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf

from footfall.events.v1.event_ingest_pb2 import EventResult
from footfall.events.v1.event_pb2 import Event
from footfall_client.accounts import Ledger
from footfall_client.options import Options
from footfall_client.retry import Backoff, Failure
from footfall_client.spool import Place, Spool, SpoolFull
from footfall_client.verdicts import STORED, DropCode, Dropped, DropReason, Notice, Rejected
from footfall_client.wire import framed

_logger = logging.getLogger("footfall_client")

Outcome = Sequence[EventResult] | Failure


@dataclass(slots=True, eq=False)
class Entry:
    """One event, as the bytes that will be sent."""

    payload: bytes
    sequence: int
    urgent: bool
    tracked_at: float
    place: Place | None = None

    def event(self) -> Event:
        return Event.FromString(self.payload)


@dataclass(slots=True, eq=False)
class Batch:
    """What one call carries. It is sent again as it is, so that a retry is the same request."""

    entries: list[Entry]
    attempts: int = 0

    def request(self) -> bytes:
        return framed([entry.payload for entry in self.entries])


class Outbox:
    """What was tracked and has no verdict yet, bounded by `Options`.

    Every event in it is in exactly one of four places: on disk only, waiting, waiting to be tried
    again, or in flight.
    """

    def __init__(
        self, options: Options, ledger: Ledger, backoff: Backoff, spool: Spool | None = None
    ) -> None:
        self._options = options
        self._ledger = ledger
        self._backoff = backoff
        self._spool = spool
        self._waiting: deque[Entry] = deque()
        self._retries: deque[Batch] = deque()
        self._in_flight: set[Batch] = set()
        self._held_events = self._held_bytes = 0
        self._waiting_bytes = self._waiting_urgent = 0
        self._sequence = 0
        self._first_unread = 1
        self._flush_to = 0
        self._paused_until = -inf
        self._closed = False
        self._spool_broken = self._spool_complained = False
        self.failures = 0
        """Calls that failed in a row; 0 means that the server answers."""
        if spool is not None:
            self._sequence = spool.unread
            ledger.take(spool.unread)
            ledger.spool(spool.unread)

    # In.

    def add(self, payload: bytes, *, urgent: bool, now: float) -> DropReason | None:
        """Take an event, or say why not. Either way it is accounted for."""
        self._ledger.take()
        reason = self._store(payload, now, urgent=urgent)
        if reason is not None:
            self._ledger.drop()
        return reason

    def _store(self, payload: bytes, now: float, *, urgent: bool) -> DropReason | None:
        if self._closed:
            return DropReason(DropCode.CLOSED)
        room = (
            self._held_events < self._options.max_queue_events
            and self._held_bytes + len(payload) <= self._options.max_queue_bytes
        )
        place = None
        if self._spool is not None:
            keep = room and not self._spool.unread
            try:
                place = self._spool.append(payload, kept=keep)
            except SpoolFull:
                return DropReason(DropCode.SPOOL_FULL)
            except OSError as error:
                self._spool_failed(error)
            else:
                self._spool_complained = False
                if not keep:
                    self._leave_on_disk()
                    return None
        if not room:
            return DropReason(DropCode.QUEUE_FULL)
        self._hold(Entry(payload, self._next_sequence(), urgent, now, place))
        return None

    def _leave_on_disk(self) -> None:
        sequence = self._next_sequence()
        if self._spool is not None and self._spool.unread == 1:
            self._first_unread = sequence
        self._ledger.spool()

    def _hold(self, entry: Entry) -> None:
        self._waiting.append(entry)
        self._held_events += 1
        self._held_bytes += len(entry.payload)
        self._waiting_bytes += len(entry.payload)
        self._waiting_urgent += entry.urgent

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    # Out.

    def take(self, now: float) -> Batch | None:
        """The next batch to send, if one is due and there is room on the way."""
        if now < self._paused_until or len(self._in_flight) >= self._width():
            return None
        if self._retries:
            batch = self._retries.popleft()
        else:
            self._refill()
            if not self._due(now):
                return None
            batch = Batch(self._cut())
        batch.attempts += 1
        self._in_flight.add(batch)
        return batch

    def wake_in(self, now: float) -> float | None:
        """After how many seconds `take` may have something, by the passing of time alone.

        None: not before something else happens.
        """
        if len(self._in_flight) >= self._width() or not self._anything_to_send():
            return None
        if now < self._paused_until:
            return self._paused_until - now
        if self._retries or self._readable() or self._due(now):
            return 0.0
        return self._waiting[0].tracked_at + self._options.flush_interval - now

    def should_wake(self, now: float) -> bool:
        """Whether the event just added changes what `wake_in` said before it."""
        blocked = len(self._in_flight) >= self._width() or now < self._paused_until
        ready = self._readable() > 0 or self._due(now)
        return len(self._waiting) == 1 or (ready and not blocked)

    def _width(self) -> int:
        # After a failure one batch feels its way; the others follow when it has arrived.
        return 1 if self.failures else self._options.max_in_flight

    def _anything_to_send(self) -> bool:
        return bool(self._retries or self._waiting or self._readable())

    def _due(self, now: float) -> bool:
        if not self._waiting:
            return False
        oldest = self._waiting[0]
        return (
            self._closed
            or self._readable() > 0
            or len(self._waiting) >= self._options.flush_at
            or self._waiting_urgent > 0
            or oldest.sequence <= self._flush_to
            or self._waiting_bytes >= self._options.max_batch_bytes
            or now - oldest.tracked_at >= self._options.flush_interval
        )

    def _cut(self) -> list[Entry]:
        entries: list[Entry] = []
        size = 0
        while self._waiting and len(entries) < self._options.max_batch_events:
            size += len(self._waiting[0].payload)
            if entries and size > self._options.max_batch_bytes:
                break
            entry = self._waiting.popleft()
            self._waiting_bytes -= len(entry.payload)
            self._waiting_urgent -= entry.urgent
            entries.append(entry)
        return entries

    def _refill(self) -> None:
        """Bring the front of what is on disk only into memory."""
        wanted = min(self._readable(), self._options.max_batch_events - len(self._waiting))
        if self._spool is None or wanted <= 0:
            return
        try:
            found = self._spool.read(wanted)
        except OSError as error:
            self._spool_failed(error)
            self._spool_broken = True  # what is there stays there for another process
            return
        self._ledger.unspool(len(found))
        for place, payload in found:
            self._hold(
                Entry(payload, self._first_unread, urgent=False, tracked_at=-inf, place=place)
            )
            self._first_unread += 1

    def _readable(self) -> int:
        """How many events memory could take over from the disk now."""
        if self._spool is None or self._spool_broken:
            return 0
        room = self._options.max_queue_events - self._held_events
        if self._held_bytes >= self._options.max_queue_bytes:
            return 0
        return max(0, min(self._spool.unread, room))

    # Back.

    def resolve(self, batch: Batch, outcome: Outcome, now: float) -> list[Notice]:
        """What the call came to. A batch given up in the meantime is settled already."""
        if batch not in self._in_flight:
            return []
        self._in_flight.discard(batch)
        if isinstance(outcome, Failure):
            return self._failed(batch, outcome, now)
        if len(outcome) != len(batch.entries):
            detail = f"{len(outcome)} results for {len(batch.entries)} events"
            return self._give_up(batch.entries, DropReason(DropCode.CALL_FAILED, detail))
        self.failures = 0
        self._paused_until = -inf
        return self._judged(batch.entries, outcome)

    def _failed(self, batch: Batch, failure: Failure, now: float) -> list[Notice]:
        if not failure.retryable:
            return self._give_up(batch.entries, DropReason(DropCode.CALL_FAILED, str(failure)))
        self._retries.append(batch)
        if now >= self._paused_until:  # a neighbour's failure of the same moment counts once
            self.failures += 1
        delay = self._backoff.delay(max(self.failures, 1), failure.retry_after)
        self._paused_until = max(self._paused_until, now + delay)
        return []

    def _judged(self, entries: list[Entry], results: Sequence[EventResult]) -> list[Notice]:
        refused: list[Notice] = [
            Rejected(entry.event(), result)
            for entry, result in zip(entries, results, strict=True)
            if result.verdict not in STORED
        ]
        self._ledger.reject(len(refused))
        self._ledger.acknowledge(len(entries) - len(refused))
        self._release(entries)
        return refused

    def _give_up(self, entries: list[Entry], reason: DropReason) -> list[Notice]:
        self._ledger.drop(len(entries))
        self._release(entries)
        return [Dropped(entry.event(), reason) for entry in entries]

    def _release(self, entries: list[Entry]) -> None:
        self._forget(entries)
        places = [entry.place for entry in entries if entry.place is not None]
        if self._spool is not None and places:
            try:
                self._spool.settle(places)
            except OSError as error:  # they will be sent again, and be duplicates
                self._spool_failed(error)

    def _forget(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._held_events -= 1
            self._held_bytes -= len(entry.payload)

    # Flush and close.

    def flush(self) -> int:
        """Everything added so far is due. Returns the mark to ask `reached` about."""
        self._flush_to = self._sequence
        return self._sequence

    def reached(self, mark: int) -> bool:
        """Whether everything up to the mark has its verdict, or was given up."""
        return self._oldest() > mark

    def hopeless(self, deadline: float) -> bool:
        """Whether nothing will move before then: a long pause, and nobody on the way."""
        return not self._in_flight and self._paused_until > deadline

    @property
    def idle(self) -> bool:
        """Nothing is on its way."""
        return not self._in_flight

    def shut(self) -> None:
        """Take nothing more; what is there is due."""
        self._closed = True

    def reclaim(self) -> None:
        """The calls on their way will never return (their loop is gone): try them again."""
        self._retries.extendleft(self._in_flight)
        self._in_flight.clear()

    def abandon(self) -> list[Notice]:
        """The end: what has no verdict stays on disk, or is given up."""
        batches = chain(self._in_flight, self._retries)
        entries = [*chain.from_iterable(batch.entries for batch in batches), *self._waiting]
        self._in_flight, self._retries, self._waiting = set(), deque(), deque()
        self._waiting_bytes = self._waiting_urgent = 0
        self._forget(entries)
        lost = [entry for entry in entries if entry.place is None]
        self._ledger.spool(len(entries) - len(lost))
        self._ledger.drop(len(lost))
        reason = DropReason(DropCode.CLOSED)
        return [Dropped(entry.event(), reason) for entry in lost]

    def _oldest(self) -> int:
        batches = chain(self._in_flight, self._retries)
        firsts = [batch.entries[0].sequence for batch in batches]
        firsts += [entry.sequence for entry in list(self._waiting)[:1]]
        if self._spool is not None and self._spool.unread:
            firsts.append(self._first_unread)
        return min(firsts, default=self._sequence + 1)

    def _spool_failed(self, error: OSError) -> None:
        if not self._spool_complained:
            _logger.error("spool: %s; events are kept in memory only", error.strerror or error)
        self._spool_complained = True

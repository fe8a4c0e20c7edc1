"""What the two clients share: all but waiting, calling and waking up."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Unpack

from footfall.events.v1.event_pb2 import Event
from footfall_client import lifetime
from footfall_client.accounts import Counts, Ledger
from footfall_client.connection import TLS, Connection, Credential
from footfall_client.errors import EventDropped, NotDelivered
from footfall_client.options import Options
from footfall_client.outbox import Batch, Outbox, Outcome
from footfall_client.report import OnDrop, OnReject, Reporter
from footfall_client.retry import Backoff, Failure
from footfall_client.spool import Spool
from footfall_client.tracking import Tracking
from footfall_client.upload import UploadBatch, completed
from footfall_client.verdicts import BatchResult, DropCode, DropReason, Notice
from footfall_client.visits import PageLeft, Visits
from footfall_client.wire import IMPACTS, Detail, EventFields, fill


@dataclass(frozen=True, slots=True)
class Clock:
    """Two clocks: one that tells when things happened, one that never goes back."""

    wall_ns: Callable[[], int] = time.time_ns
    monotonic: Callable[[], float] = time.monotonic


class BaseClient(Tracking):
    """Takes events and accounts for them. How they leave is the business of the subclass."""

    _guard: AbstractContextManager[object]

    def __init__(
        self,
        target: str,
        *,
        credential: Credential | None = None,
        tls: TLS | bool | None = None,
        on_drop: OnDrop | None = None,
        on_reject: OnReject | None = None,
        raise_errors: bool = False,
        options: Options | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Make a client; it connects when the first event is due.

        `target` is the address of event-ingest, such as `127.0.0.1:50051`; `credential` an API key
        or token, or a function that returns the token of the moment. Towards other machines the
        connection is encrypted; `tls` says how (`TLS`), that it must be (`True`) or must not be
        (`False`). `on_drop` gets every event that is given up, with the reason, `on_reject` every
        event that the server refuses, with its result.

        A client that cannot work (an impossible option, a spool that cannot be opened) says so
        here, by a ValueError or OSError; later nothing is raised unless `raise_errors` is set.
        """
        self._connection = Connection(target, credential, tls)
        self._options = options or Options()
        self._clock = clock or Clock()
        self._raise_errors = raise_errors
        self._urgent = {IMPACTS[name] for name in self._options.flush_impacts}
        self._reporter = Reporter(on_drop, on_reject)
        spool = Spool(self._options.spool) if self._options.spool else None
        self._begin(spool)
        lifetime.watch(self)

    def _begin(self, spool: Spool | None) -> None:
        """Empty, with nothing counted but what the spool brings."""
        options = self._options
        self._ledger = Ledger()
        self._visits = Visits()
        self._spool = spool
        self._backoff = Backoff(options.backoff_base, options.backoff_cap)
        self._outbox = Outbox(options, self._ledger, self._backoff, spool)
        self._undelivered = 0
        self._synced_at = 0.0
        self._closed = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self._connection.target}: {self.counts}>"

    @property
    def counts(self) -> Counts:
        """What became of the events so far; always balanced."""
        with self._guard:
            return self._ledger.counts()

    def session_id(self, user_id: str = "") -> str:
        """The session that this process has the user in, to hand it on to a page for example."""
        return self._visits.session_id(user_id, self._clock.monotonic())

    def track(
        self,
        type: str,  # noqa: A002 - the word of the proto
        *,
        detail: Detail | Callable[[], Detail] | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Track an event of a registered type.

        Time and id are those of this moment unless given; `detail` is a typed detail, or what makes
        one.
        """
        event = Event()
        try:
            made = detail() if callable(detail) else detail
            fill(event, type, fields, made, self._clock.wall_ns())
            now = self._clock.monotonic()
            self._visits.mark(event, now, sessions=self._options.sessions)
            payload = event.SerializeToString()
        except Exception as error:  # noqa: BLE001 - the host must not fall over its analytics
            self._refuse(event, DropReason(DropCode.INVALID_EVENT, str(error)))
            return None
        return self._put(event, payload)

    def track_many(self, events: Iterable[Event]) -> int:
        """Track events that are made already; those without an id get one, in place.

        Returns how many were not dropped at once. For more than fits the queue see `upload`.
        """
        return sum(self._put(event, completed(event)) is not None for event in events)

    def _put(self, event: Event, payload: bytes) -> str | None:
        if len(payload) > self._options.max_event_bytes:
            detail = f"{len(payload)} bytes"
            self._refuse(event, DropReason(DropCode.EVENT_TOO_LARGE, detail))
            return None
        now = self._clock.monotonic()
        with self._guard:
            reason = self._outbox.add(payload, urgent=event.impact in self._urgent, now=now)
            if reason is None and self._outbox.should_wake(now):
                self._wake()
        if reason is not None:
            self._dropped(event, reason)
            return None
        return event.event_id

    def _refuse(self, event: Event, reason: DropReason) -> None:
        with self._guard:
            self._ledger.take()
            self._ledger.drop()
        self._dropped(event, reason)

    def _dropped(self, event: Event, reason: DropReason) -> None:
        self._reporter.dropped(event, reason)
        if self._raise_errors:
            raise EventDropped(event, reason)

    @abstractmethod
    def _wake(self) -> None:
        """See to it that what is due is sent. Called under the guard; never raises."""

    def _turn_page(self, user_id: str, url: str) -> PageLeft | None:
        try:
            return self._visits.turn_to(user_id, url, self._clock.monotonic())
        except TypeError:  # a user_id that is none: `track` says so
            return None

    # What became of a call.

    def _resolve(self, batch: Batch, outcome: Outcome) -> list[Notice]:
        """Settle the batch, under the guard; the notices are to be told outside of it."""
        before = self._outbox.failures
        notices = self._outbox.resolve(batch, outcome, self._clock.monotonic())
        if isinstance(outcome, Failure) and outcome.retryable and not before:
            self._reporter.waiting(outcome)
        elif before and not self._outbox.failures:
            self._reporter.delivering()
        return notices

    def _take_upload(self, batch: UploadBatch) -> None:
        with self._guard:
            self._ledger.take(len(batch))

    def _abandon_upload(self, batch: UploadBatch) -> None:
        dropped = batch.dropped(DropReason(DropCode.CLOSED, "upload left")).dropped
        with self._guard:
            self._ledger.drop(len(dropped))
        self._reporter.tell(dropped)

    def _settle_upload(self, batch: UploadBatch, outcome: Outcome) -> BatchResult:
        """Account for a batch of an upload and tell what was refused."""
        result = batch.result(outcome)
        refused = list(result.refusals())
        with self._guard:
            self._ledger.acknowledge(len(result.results) - len(refused))
            self._ledger.reject(len(refused))
            self._ledger.drop(len(result.dropped))
        self._reporter.tell(result.dropped)
        self._reporter.tell(refused)
        return result

    def _retry_delay(self, batch: UploadBatch, outcome: Outcome, give_up_at: float) -> float | None:
        """How long to wait before the batch is sent again; None when this is the end of it."""
        if not isinstance(outcome, Failure) or not outcome.retryable or self._closed:
            return None
        delay = self._backoff.delay(batch.attempts, outcome.retry_after)
        return delay if self._clock.monotonic() + delay < give_up_at else None

    def _flushed(self, *, in_time: bool) -> bool:
        """The answer of a flush; an exception if the host asked for those."""
        counts = self.counts
        clean = counts.rejected + counts.dropped == self._undelivered
        self._undelivered = counts.rejected + counts.dropped
        if self._raise_errors and not (in_time and clean):
            raise NotDelivered(counts)
        return in_time

    def _sync_due_in(self, now: float) -> float | None:
        """After how many seconds the spool wants to be synced; None when it does not."""
        if self._spool is None or self._options.spool is None or not self._spool.dirty:
            return None
        return max(0.0, self._synced_at + self._options.spool.sync_interval - now)

    def _take_unsynced(self, now: float) -> list[int]:
        if self._spool is None or self._sync_due_in(now) != 0.0:
            return []
        self._synced_at = now
        return self._spool.take_unsynced()

    def _patience(self, now: float) -> float:
        """How long a sender may sleep if nobody wakes it."""
        waits = (self._outbox.wake_in(now), self._sync_due_in(now))
        return max(0.0, min((wait for wait in waits if wait is not None), default=3600.0))

    # Fork and exit.

    def before_fork(self) -> None:
        """Come to rest, so that the child inherits nothing half done."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Start empty: what the parent holds the parent sends."""
        if self._spool is not None:
            self._spool.disown()
        closed = self._closed
        self._begin(None if closed else self._reopened_spool())
        self._closed = closed
        if closed:
            self._outbox.shut()

    def _reopened_spool(self) -> Spool | None:
        if self._options.spool is None:
            return None
        try:
            return Spool(self._options.spool)
        except OSError as error:
            self._reporter.spool_lost(error)
            return None

    @abstractmethod
    def at_exit(self) -> None:
        """Close within `Options.exit_timeout`."""

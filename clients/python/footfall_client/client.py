"""The client for threads: `track` from any of them, delivery by a few of its own.

The senders make blocking calls. They are started with the first event and need no other thread from
then on, for the interpreter starts none any more while it exits.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable
from math import inf
from threading import Condition, Thread, current_thread
from types import TracebackType
from typing import Self, TypeAlias

import grpc

from footfall.events.v1.event_ingest_pb2 import EventResult, IngestEventsResponse
from footfall.events.v1.event_pb2 import Event
from footfall_client import lifetime
from footfall_client.base import BaseClient
from footfall_client.connection import INGEST_EVENTS
from footfall_client.outbox import Batch, Outcome
from footfall_client.retry import Failure, failure_of
from footfall_client.spool import Spool, sync_files
from footfall_client.upload import Cutter, UploadBatch
from footfall_client.verdicts import BatchResult

Call: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, IngestEventsResponse]"

# gRPC lets go of its threads a moment after its last channel is closed.
_GRPC_REST_SECONDS = 0.05
_FORK_PATIENCE_SECONDS = 1.0


class Client(BaseClient):
    """Sends events from an ordinary program. Thread-safe; survives a fork."""

    def _begin(self, spool: Spool | None) -> None:
        super()._begin(spool)
        # Guards the outbox and tells of every change in it.
        self._changed = Condition()
        self._guard = self._changed
        self._senders: list[Thread] = []
        self._channel: grpc.Channel | None = None
        self._call: Call | None = None
        self._telling = 0
        self._resting = False
        self._ended = False
        if spool is not None and spool.unread:
            with self._guard:
                self._wake()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def flush(self, timeout: float = 10.0) -> bool:
        """Send what was tracked so far; True when all of it has its verdict in time.

        Does not sit out the time when nothing can move in it, for the next try comes later.
        """
        return self._flushed(in_time=self._drain(timeout))

    def close(self, timeout: float = 5.0) -> bool:
        """Flush and end.

        What is not delivered in time stays in the spool or is dropped; True when there was nothing
        of that. Closing twice is fine.
        """
        if self._closed:
            return True
        self._closed = True
        with self._changed:
            self._outbox.shut()
        in_time = self._drain(timeout)
        self._end()
        return self._flushed(in_time=in_time)

    def upload(
        self,
        events: Iterable[Event],
        *,
        batch_size: int = 500,
        in_flight: int = 4,
        retry_for: float = inf,
    ) -> Generator[BatchResult, None, None]:
        """Send events at full speed, past queue and spool; yield what became of each batch.

        At most `in_flight` batches are on their way; the source is read as they arrive, and results
        come in its order. A batch is tried again for `retry_for` seconds, then dropped. To stop,
        leave the loop.
        """
        window: deque[tuple[UploadBatch, _Flight]] = deque()
        cutter = Cutter(self._options, batch_size)
        batches = cutter.batches(events)
        try:
            while (batch := next(batches, None)) is not None:
                window.append((batch, self._launch(batch)))
                if len(window) >= in_flight:
                    yield self._land(window, retry_for)
            while window:
                yield self._land(window, retry_for)
        finally:
            for batch, flight in window:
                flight.cancel()
                self._abandon_upload(batch)
            if (rest := cutter.rest()) is not None:
                self._take_upload(rest)
                self._abandon_upload(rest)

    # Sending.

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._senders or self._ended:
            return
        try:
            lifetime.watch_worker()
            for number in range(self._options.max_in_flight):
                sender = Thread(target=self._send, name=f"footfall-{number}", daemon=True)
                sender.start()
                self._senders.append(sender)
        except RuntimeError:
            pass  # no thread to be had at the moment; the next event tries again

    def _send(self) -> None:
        while (batch := self._next_batch()) is not None:
            outcome = self._ingest(batch)
            with self._changed:
                notices = self._resolve(batch, outcome)
                self._telling += 1
            self._reporter.tell(notices)
            with self._changed:
                self._telling -= 1
                self._changed.notify_all()

    def _next_batch(self) -> Batch | None:
        """Wait for one; None at the end."""
        while not self._ended:
            with self._changed:
                now = self._clock.monotonic()
                batch = None if self._resting else self._outbox.take(now)
                unsynced = self._take_unsynced(now)
                if batch is None and not unsynced and not self._ended:
                    self._changed.wait(None if self._resting else self._patience(now))
            sync_files(unsynced)
            if batch is not None:
                return batch
        return None

    def _ingest(self, batch: Batch) -> Outcome:
        try:
            metadata = self._connection.metadata()
            timeout = self._options.call_timeout
            response = self._open()(batch.request(), timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            return failure_of(error)
        except Exception as error:  # noqa: BLE001 - a token that cannot be had: try again
            return Failure.local(error)
        return response.results

    def _open(self) -> Call:
        with self._changed:
            if self._call is None:
                self._channel = self._new_channel()
                self._call = self._channel.unary_unary(
                    INGEST_EVENTS,
                    request_serializer=_as_it_is,
                    response_deserializer=IngestEventsResponse.FromString,
                )
            return self._call

    def _new_channel(self) -> grpc.Channel:
        target, options = self._connection.target, self._connection.channel_options()
        credentials = self._connection.credentials()
        if credentials is None:
            return grpc.insecure_channel(target, options)
        return grpc.secure_channel(target, credentials, options)

    def _drain(self, timeout: float) -> bool:
        deadline = self._clock.monotonic() + timeout
        with self._changed:
            mark = self._outbox.flush()
            if not self._outbox.reached(mark):
                self._wake()
            if current_thread() in self._senders:  # a callback: to wait here is to wait for oneself
                return self._outbox.reached(mark)
            while self._telling or not self._outbox.reached(mark):
                left = deadline - self._clock.monotonic()
                if left <= 0 or self._outbox.hopeless(deadline):
                    return False
                self._changed.wait(left)
            return True

    def _end(self) -> None:
        with self._changed:
            notices = self._outbox.abandon()
            self._ended = True
            self._changed.notify_all()
        self._close_channel()
        for sender in self._senders:
            if sender is not current_thread():
                sender.join(timeout=1.0)
        with self._changed:
            if self._spool is not None:
                self._spool.close()
        self._reporter.tell(notices)

    def _close_channel(self) -> bool:
        with self._changed:
            channel, self._channel, self._call = self._channel, None, None
        if channel is None:
            return False
        channel.close()
        return True

    # Uploads.

    def _launch(self, batch: UploadBatch) -> _Flight:
        self._take_upload(batch)
        return self._fly(batch)

    def _fly(self, batch: UploadBatch) -> _Flight:
        try:
            metadata = self._connection.metadata()
            timeout = self._options.call_timeout
            return _Flight(self._open().future(batch.request(), timeout, metadata))
        except Exception as error:  # noqa: BLE001 - as above
            return _Flight(Failure.local(error))

    def _land(self, window: deque[tuple[UploadBatch, _Flight]], retry_for: float) -> BatchResult:
        batch, flight = window[0]
        give_up_at = self._clock.monotonic() + retry_for
        outcome = flight.outcome()
        while (delay := self._retry_delay(batch, outcome, give_up_at)) is not None:
            time.sleep(delay)
            batch.attempts += 1
            outcome = self._fly(batch).outcome()
        window.popleft()
        return self._settle_upload(batch, outcome)

    # Fork and exit.

    def before_fork(self) -> None:
        """Let the calls on their way return, close the channel, and hold the guard over the fork.

        gRPC's threads do not cross a fork: with one of them in a call the child would hang.
        """
        self._changed.acquire()
        self._resting = True
        self._changed.wait_for(lambda: self._outbox.idle, _FORK_PATIENCE_SECONDS)
        if self._close_channel():
            time.sleep(_GRPC_REST_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Go on; the next call opens a channel."""
        self._resting = False
        self._changed.notify_all()
        self._changed.release()

    def at_exit(self) -> None:
        """Close within `Options.exit_timeout`."""
        self._raise_errors = False
        self.close(self._options.exit_timeout)


class _Flight:
    """A call on its way, or what hindered it."""

    def __init__(self, call: grpc.Future[IngestEventsResponse] | Failure) -> None:
        self._call = call

    def outcome(self) -> Outcome:
        if isinstance(self._call, Failure):
            return self._call
        try:
            results: list[EventResult] = list(self._call.result().results)
        except grpc.RpcError as error:
            return failure_of(error)
        except (grpc.FutureCancelledError, ValueError) as error:
            return Failure.local(error)
        return results

    def cancel(self) -> None:
        if not isinstance(self._call, Failure):
            self._call.cancel()


def _as_it_is(request: bytes) -> bytes:
    return request

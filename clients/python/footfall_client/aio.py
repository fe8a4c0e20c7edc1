"""The client for asyncio: `track` is an ordinary call that never waits, delivery is a few tasks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import suppress
from math import inf
from threading import RLock
from types import TracebackType
from typing import Self, TypeAlias

import grpc
import grpc.aio

from footfall.events.v1.event_ingest_pb2 import IngestEventsResponse
from footfall.events.v1.event_pb2 import Event
from footfall_client.base import BaseClient
from footfall_client.connection import INGEST_EVENTS
from footfall_client.outbox import Batch, Outcome
from footfall_client.retry import Failure, failure_of
from footfall_client.spool import Spool, sync_files
from footfall_client.upload import Cutter, UploadBatch
from footfall_client.verdicts import BatchResult

Call: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, IngestEventsResponse]"
Flight: TypeAlias = "asyncio.Task[Outcome]"


class AsyncClient(BaseClient):
    """Sends events from a program that lives in an event loop.

    Use it from that loop's thread. It may be made, and used, before the loop runs, and moves along
    when another one takes over.
    """

    def _begin(self, spool: Spool | None) -> None:
        super()._begin(spool)
        self._guard = RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._senders: list[asyncio.Task[None]] = []
        self._channel: grpc.aio.Channel | None = None
        self._call: Call | None = None

    async def __aenter__(self) -> Self:
        self._wake()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def flush(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 - as in Client
        """Send what was tracked so far; True when all of it has its verdict in time.

        Does not sit out the time when nothing can move in it, for the next try comes later.
        """
        return self._flushed(in_time=await self._drain(timeout))

    async def close(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109 - as in Client
        """Flush and end.

        What is not delivered in time stays in the spool or is dropped; True when there was nothing
        of that. Closing twice is fine.
        """
        if self._closed:
            return True
        self._closed = True
        self._settle_in()
        self._outbox.shut()
        try:
            in_time = await self._drain(timeout)
        finally:
            await self._end()
        return self._flushed(in_time=in_time)

    async def upload(
        self,
        events: Iterable[Event] | AsyncIterable[Event],
        *,
        batch_size: int = 500,
        in_flight: int = 4,
        retry_for: float = inf,
    ) -> AsyncGenerator[BatchResult, None]:
        """Send events at full speed, past queue and spool; yield what became of each batch.

        At most `in_flight` batches are on their way; the source is read as they arrive, and results
        come in its order. A batch is tried again for `retry_for` seconds, then dropped. To stop,
        leave the loop (and close the iterator, as with every asynchronous generator).
        """
        self._settle_in()
        window: deque[tuple[UploadBatch, Flight]] = deque()
        cutter = Cutter(self._options, batch_size)
        batches = _batches(events, cutter)
        try:
            while (batch := await anext(batches, None)) is not None:
                window.append((batch, self._launch(batch)))
                if len(window) >= in_flight:
                    yield await self._land(window, retry_for)
            while window:
                yield await self._land(window, retry_for)
        finally:
            for batch, flight in window:
                flight.cancel()
                self._abandon_upload(batch)
            if (rest := cutter.rest()) is not None:
                self._take_upload(rest)
                self._abandon_upload(rest)

    # Sending.

    def _wake(self) -> None:
        try:
            self._settle_in()
        except RuntimeError:  # no loop runs yet; whoever awaits us first starts the senders
            return
        self._announce()

    def _settle_in(self) -> None:
        """Start the senders in the loop that runs now, once."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = loop
        self._outbox.reclaim()  # the calls of a loop before this one never return
        self._channel = self._call = None
        self._changed = asyncio.Event()
        self._senders = [
            loop.create_task(self._send(), name=f"footfall-{number}")
            for number in range(self._options.max_in_flight)
        ]

    async def _send(self) -> None:
        while True:
            batch = await self._next_batch()
            outcome = await self._ingest(batch.request())
            notices = self._resolve(batch, outcome)
            self._announce()
            self._reporter.tell(notices)

    async def _next_batch(self) -> Batch:
        while True:
            now = self._clock.monotonic()
            unsynced = self._take_unsynced(now)
            if unsynced:
                await asyncio.to_thread(sync_files, unsynced)
            batch = self._outbox.take(now)
            if batch is not None:
                return batch
            await self._change(self._patience(now))

    async def _change(self, patience: float) -> None:
        """Wait until something happens, or the time has passed."""
        with suppress(TimeoutError):
            # Not wait_for: until Python 3.12 it could swallow a cancellation.
            async with asyncio.timeout(patience):
                await self._changed.wait()

    def _announce(self) -> None:
        """Wake everyone who waits now, and nobody who waits later."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _ingest(self, request: bytes) -> Outcome:
        try:
            metadata = await self._metadata()
            timeout = self._options.call_timeout
            response = await self._open()(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return failure_of(error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Failure.local(error)  # the channel was closed under the call
        except Exception as error:  # noqa: BLE001 - a token that cannot be had: try again
            return Failure.local(error)
        return response.results

    async def _metadata(self) -> grpc.aio.Metadata:
        if callable(self._connection.credential):  # it may take its time
            return grpc.aio.Metadata(*await asyncio.to_thread(self._connection.metadata))
        return grpc.aio.Metadata(*self._connection.metadata())

    def _open(self) -> Call:
        if self._call is None:
            self._channel = self._new_channel()
            self._call = self._channel.unary_unary(
                INGEST_EVENTS,
                request_serializer=_as_it_is,
                response_deserializer=IngestEventsResponse.FromString,
            )
        return self._call

    def _new_channel(self) -> grpc.aio.Channel:
        target, options = self._connection.target, self._connection.channel_options()
        credentials = self._connection.credentials()
        if credentials is None:
            return grpc.aio.insecure_channel(target, options)
        return grpc.aio.secure_channel(target, credentials, options)

    async def _drain(self, patience: float) -> bool:
        deadline = self._clock.monotonic() + patience
        mark = self._outbox.flush()
        if self._outbox.reached(mark):
            return True
        self._settle_in()
        self._announce()
        while not self._outbox.reached(mark):
            left = deadline - self._clock.monotonic()
            if left <= 0 or self._outbox.hopeless(deadline):
                return False
            await self._change(left)
        return True

    async def _end(self) -> None:
        notices = self._outbox.abandon()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()
        self._channel = self._call = None
        if self._spool is not None:
            self._spool.close()
        self._reporter.tell(notices)

    # Uploads.

    def _launch(self, batch: UploadBatch) -> Flight:
        self._take_upload(batch)
        return asyncio.ensure_future(self._ingest(batch.request()))

    async def _land(
        self, window: deque[tuple[UploadBatch, Flight]], retry_for: float
    ) -> BatchResult:
        batch, flight = window[0]
        give_up_at = self._clock.monotonic() + retry_for
        outcome = await flight
        while (delay := self._retry_delay(batch, outcome, give_up_at)) is not None:
            await asyncio.sleep(delay)
            batch.attempts += 1
            outcome = await self._ingest(batch.request())
        window.popleft()
        return self._settle_upload(batch, outcome)

    # Exit.

    def at_exit(self) -> None:
        """Close within `Options.exit_timeout`, in a loop of its own if ours is gone."""
        self._raise_errors = False
        if self._closed:
            return
        closing = self.close(self._options.exit_timeout)
        try:
            asyncio.run(closing)
        except Exception:  # noqa: BLE001 - whatever a dying interpreter refuses
            closing.close()
            self._reporter.tell(self._outbox.abandon())


async def _batches(
    events: Iterable[Event] | AsyncIterable[Event], cutter: Cutter
) -> AsyncIterator[UploadBatch]:
    if isinstance(events, Iterable):
        for batch in cutter.batches(events):
            yield batch
        return
    async for event in events:
        if (full := cutter.add(event)) is not None:
            yield full
    if (rest := cutter.rest()) is not None:
        yield rest


def _as_it_is(request: bytes) -> bytes:
    return request

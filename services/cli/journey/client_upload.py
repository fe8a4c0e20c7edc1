"""The import of clients: each row read, merged into what is kept, and written when it differs."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import uuid4

import grpc

from footfall.journey.v1.clients_pb2 import Client, GetClientRequest, UpsertClientRequest
from footfall_client.retry import Backoff, Failure, failure_of
from services.cli.calling import refusal
from services.cli.importing.checkpoint import Checkpoint
from services.cli.importing.sources import BadRow, Position, Row, Source
from services.cli.journey.asking import Journey
from services.cli.journey.client_rows import Mapper, Sketch, named

LISTED = 100
"""So many of the rows that were refused are kept to be shown."""

OUTCOMES: Mapping[str, str] = {"created": "green", "changed": "cyan", "unchanged": "dim"}
"""What becomes of a client, and how that looks."""

_AT_ONCE = 256
_NOTE_EVERY_SECONDS = 2.0
_RACES = 5
_ONE_ROWS_OWN = frozenset({"INVALID_ARGUMENT", "FAILED_PRECONDITION", "ABORTED"})
_FIELD = re.compile(r"\bclient\.([a-z_]+)")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not stored, and why: the message names field and column."""

    row: int
    client_id: str
    reason: str
    message: str


@dataclass(slots=True)
class Account:
    """What became of every row: `rows = skipped + created + changed + unchanged + refused`."""

    rows: int = 0
    skipped: int = 0
    refused: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    listed: list[Refused] = field(default_factory=list)
    stopped: str = ""
    """Why it ended before the end of the file."""
    settled: int = 0
    """Rows from the beginning that need not be sent again."""
    seconds: float = 0.0

    @property
    def all_stored(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.stopped or self.refused)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            **self.counts,
            "refused": self.refused,
            "complete": not self.stopped,
            "seconds": round(self.seconds, 3),
        }


class Watcher(Protocol):
    """Is shown how far it is, and each row that is refused."""

    def show(self, position: Position, account: Account) -> None: ...

    def refused(self, refused: Refused) -> None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How the rows are sent."""

    in_flight: int = 16
    patience_seconds: float = 60.0
    """How long a server that is away is waited for."""


class Stopped(Exception):
    """The import cannot go on."""


class Import:
    """One run over one source."""

    def __init__(
        self,
        source: Source,
        mapper: Mapper,
        checkpoint: Checkpoint,
        skip: int | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Begin behind the first `skip` rows; None goes on where the checkpoint says."""
        self.skip = checkpoint.rows() if skip is None else skip
        self.account = Account(settled=self.skip)
        self._source, self._mapper, self._checkpoint = source, mapper, checkpoint
        self._pace = pace or Pace()
        self._columns: Mapping[str, str] = {}
        self._bytes = 0

    async def run(self, journey: Journey, watcher: Watcher) -> None:
        """Send it all; the account says how far it came, however it ends."""
        began = noted = time.monotonic()
        self.account.stopped = "interrupted"
        try:
            for sketches in self._portions(watcher):
                await self._settle(journey, sketches, watcher)
                self.account.settled = self.account.rows
                self.account.seconds = time.monotonic() - began
                watcher.show(self._position(), self.account)
                if time.monotonic() - noted > _NOTE_EVERY_SECONDS:
                    noted = time.monotonic()
                    self._checkpoint.note(self.account.settled)
            self.account.stopped = ""
        except Stopped as stopped:
            self.account.stopped = str(stopped)
        finally:
            self.account.seconds = time.monotonic() - began
            if self.account.stopped:
                self._checkpoint.note(self.account.settled)
            else:
                self._checkpoint.done()

    def _portions(self, watcher: Watcher) -> Iterator[dict[str, Sketch]]:
        """Rows that may be sent side by side: each client once, so that its last row wins."""
        portion: dict[str, Sketch] = {}
        for row in self._source.rows():
            if row.number == 1 and self._source.columns is not None:
                self._columns = self._mapper.check(self._source.columns)
            self._bytes += len(row.text.encode()) + 1 if isinstance(row, Row) else 0
            sketch = self._mapper.sketch(row) if isinstance(row, Row) else row
            again = isinstance(sketch, Sketch) and sketch.client_id in portion
            if again or len(portion) == _AT_ONCE:
                yield portion
                portion = {}
            self.account.rows += 1
            if row.number <= self.skip:
                self.account.skipped += 1
            elif isinstance(sketch, BadRow):
                self._refuse(Refused(sketch.number, "", "UNREADABLE", sketch.why), watcher)
            else:
                portion[sketch.client_id] = sketch
        yield portion

    def _position(self) -> Position:
        """How far the rows are; the reading is a buffer ahead, which may be the whole file."""
        read = self._source.position()
        return Position(min(read.done, self._bytes), read.total)

    async def _settle(
        self, journey: Journey, sketches: Mapping[str, Sketch], watcher: Watcher
    ) -> None:
        free = asyncio.Semaphore(self._pace.in_flight)

        async def settle(sketch: Sketch) -> None:
            async with free:
                await self._keep(journey, sketch, watcher)

        try:
            async with asyncio.TaskGroup() as group:
                for sketch in sketches.values():
                    group.create_task(settle(sketch))
        except* Stopped as stopped:
            raise stopped.exceptions[0] from None

    async def _keep(self, journey: Journey, sketch: Sketch, watcher: Watcher) -> None:
        """One client; when it changes between reading and writing, once more."""
        for _ in range(_RACES):
            try:
                self.account.counts[await self._merged(journey, sketch)] += 1
            except grpc.aio.AioRpcError as error:
                failure = failure_of(error)
                if failure.code == "ABORTED":
                    continue
                if failure.code not in _ONE_ROWS_OWN:
                    raise Stopped(str(refusal(failure, journey.caller.address))) from None
                self._refuse(self._from(sketch, failure), watcher)
            return
        message = "the client is being changed by others over and over"
        self._refuse(Refused(sketch.row, sketch.client_id, "STALE_ETAG", message), watcher)

    async def _merged(self, journey: Journey, sketch: Sketch) -> str:
        """What became of it: created, changed or unchanged."""
        kept = await self._patiently(lambda: _kept(journey, sketch.client_id))
        wish = sketch.on(kept)
        if wish == kept:
            return "unchanged"
        request = UpsertClientRequest(request_id=str(uuid4()), client=wish)
        answer = await self._patiently(lambda: journey.ask("UpsertClient", request))
        return "created" if answer.created else "changed"

    async def _patiently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """A call that is tried again while the server is away, as long as there is patience."""
        backoff, failures = Backoff(0.25, 5.0), 0
        ends = time.monotonic() + self._pace.patience_seconds
        while True:
            try:
                return await call()
            except grpc.aio.AioRpcError as error:
                failure, failures = failure_of(error), failures + 1
                if not failure.retryable or time.monotonic() >= ends:
                    raise
            await asyncio.sleep(backoff.delay(failures, failure.retry_after))

    def _from(self, sketch: Sketch, failure: Failure) -> Refused:
        def column(found: re.Match[str]) -> str:
            return named(found.group(1), self._columns)

        message = _FIELD.sub(column, failure.message)
        return Refused(sketch.row, sketch.client_id, failure.reason, message)

    def _refuse(self, refused: Refused, watcher: Watcher) -> None:
        self.account.refused += 1
        if len(self.account.listed) < LISTED:
            self.account.listed.append(refused)
        watcher.refused(refused)


async def _kept(journey: Journey, client_id: str) -> Client | None:
    """The client as it is; None when there is none."""
    try:
        answer = await journey.ask("GetClient", GetClientRequest(client_id=client_id))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
    client: Client = answer.client
    return client

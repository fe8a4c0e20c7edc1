"""The import of clients: each row read, merged into what is kept, and written when it differs."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
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
    """What became of every row that is settled."""

    skipped: int = 0
    refused: int = 0
    refused_before: int = 0
    """Of those that are skipped: refused by the run that this one goes on with."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    listed: list[Refused] = field(default_factory=list)
    stopped: str = ""
    """Why it ended before the end of the file."""
    settled: int = 0
    """Rows from the beginning that need not be sent again."""
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """`skipped + created + changed + unchanged + refused`."""
        return self.skipped + sum(self.counts.values()) + self.refused

    @property
    def all_refused(self) -> int:
        """By this run and by the one that it goes on with."""
        return self.refused_before + self.refused

    @property
    def all_stored(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.stopped or self.all_refused)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            **self.counts,
            "refused": self.refused,
            "refused_before": self.refused_before,
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


@dataclass(slots=True)
class _Portion:
    """Rows that are sent side by side, each client once, and what became of them.

    They count when all of them are settled: an interrupted run sends the whole portion again.
    """

    sketches: dict[str, Sketch] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    skipped: int = 0

    def is_full(self) -> bool:
        return len(self.sketches) + len(self.refused) >= _AT_ONCE


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
        self.resumes = skip is None and self.skip > 0
        before = checkpoint.refused() if self.resumes else 0
        self.account = Account(settled=self.skip, refused_before=before)
        self._source, self._mapper, self._checkpoint = source, mapper, checkpoint
        self._pace = pace or Pace()
        self._columns: Mapping[str, str] = {}
        self._bytes = 0

    async def run(self, journey: Journey, watcher: Watcher) -> None:
        """Send it all; the account says how far it came, however it ends."""
        began = noted = time.monotonic()
        self.account.stopped = "interrupted"
        try:
            for portion in self._portions():
                await self._settle(journey, portion)
                self._count(portion, watcher)
                self.account.seconds = time.monotonic() - began
                watcher.show(self._position(), self.account)
                if time.monotonic() - noted > _NOTE_EVERY_SECONDS:
                    noted = time.monotonic()
                    self._note()
            self.account.stopped = ""
        except Stopped as stopped:
            self.account.stopped = str(stopped)
        finally:
            self.account.seconds = time.monotonic() - began
            if self.account.stopped:
                self._note()
            else:
                self._checkpoint.done()

    def _note(self) -> None:
        self._checkpoint.note(self.account.settled, self.account.all_refused)

    def _portions(self) -> Iterator[_Portion]:
        """Rows that may be sent side by side: each client once, so that its last row wins."""
        portion = _Portion()
        for row in self._source.rows():
            if row.number == 1 and self._source.columns is not None:
                self._columns = self._mapper.check(self._source.columns)
            self._bytes += len(row.text.encode()) + 1 if isinstance(row, Row) else 0
            sketch = self._mapper.sketch(row) if isinstance(row, Row) else row
            again = isinstance(sketch, Sketch) and sketch.client_id in portion.sketches
            if again or portion.is_full():
                yield portion
                portion = _Portion()
            if row.number <= self.skip:
                portion.skipped += 1
            elif isinstance(sketch, BadRow):
                portion.refused.append(Refused(sketch.number, "", "UNREADABLE", sketch.why))
            else:
                portion.sketches[sketch.client_id] = sketch
        yield portion

    def _position(self) -> Position:
        """How far the rows are; the reading is a buffer ahead, which may be the whole file."""
        read = self._source.position()
        return Position(min(read.done, self._bytes), read.total)

    async def _settle(self, journey: Journey, portion: _Portion) -> None:
        free = asyncio.Semaphore(self._pace.in_flight)

        async def settle(sketch: Sketch) -> None:
            async with free:
                await self._keep(journey, sketch, portion)

        first: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for sketch in portion.sketches.values():
                    group.create_task(settle(sketch))
        except* Stopped as stopped:
            first = stopped.exceptions[0]
        if first is not None:  # raised in there, Python before 3.11.4 would group it again
            raise first from None

    def _count(self, portion: _Portion, watcher: Watcher) -> None:
        """What became of a portion, once all of it is settled; refusals in the order of rows."""
        account = self.account
        account.skipped += portion.skipped
        for outcome, count in portion.outcomes.items():
            account.counts[outcome] += count
        for refused in sorted(portion.refused, key=lambda one: one.row):
            account.refused += 1
            if len(account.listed) < LISTED:
                account.listed.append(refused)
            watcher.refused(refused)
        account.settled = account.rows

    async def _keep(self, journey: Journey, sketch: Sketch, portion: _Portion) -> None:
        """One client; when it changes between reading and writing, once more."""
        for _ in range(_RACES):
            try:
                portion.outcomes[await self._merged(journey, sketch)] += 1
            except grpc.aio.AioRpcError as error:
                failure = failure_of(error)
                if failure.code == "ABORTED":
                    continue
                if failure.code not in _ONE_ROWS_OWN:
                    raise Stopped(str(refusal(failure, journey.caller.address))) from None
                portion.refused.append(self._from(sketch, failure))
            return
        message = "the client is being changed by others over and over"
        portion.refused.append(Refused(sketch.row, sketch.client_id, "STALE_ETAG", message))

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

"""The import itself: rows in, events out, and an account of every one of them."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from footfall.events.v1.event_ingest_pb2 import Verdict
from footfall.events.v1.event_pb2 import Event
from footfall_client import BatchResult, Client, DropCode, Rejected
from services.cli.importing.checkpoint import Checkpoint
from services.cli.importing.mapping import Mapper
from services.cli.importing.sources import BadRow, Position, Row, Source
from services.cli.tally import Tally

LISTED = 100
"""So many of the rows that were refused are kept to be shown."""

_NOTE_EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not stored, and why."""

    row: int
    event_id: str
    verdict: str
    reason: str
    message: str


@dataclass(slots=True)
class Account:
    """What became of every row that is settled."""

    skipped: int = 0
    refused_before: int = 0
    """Of those that are skipped: refused by the run that this one goes on with."""
    unreadable: int = 0
    tally: Tally = field(default_factory=Tally)
    refused: list[Refused] = field(default_factory=list)
    stopped: str = ""
    """Why it ended before the end of the file."""
    settled: int = 0
    """Rows from the beginning that need not be sent again."""
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """`skipped + unreadable + sent`."""
        return self.skipped + self.unreadable + self.tally.sent

    @property
    def all_refused(self) -> int:
        """By this run and by the one that it goes on with."""
        own = self.unreadable + self.tally.conflict + self.tally.rejected
        return self.refused_before + own

    @property
    def all_stored(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.stopped or self.all_refused)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.tally.sent / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            "refused_before": self.refused_before,
            "unreadable": self.unreadable,
            **self.tally.as_json(),
            "complete": not self.stopped,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.rate),
        }


class Watcher(Protocol):
    """Is shown how far it is, now and then."""

    def show(self, position: Position, account: Account) -> None: ...

    def refused(self, refused: Refused) -> None: ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How the rows are sent."""

    batch_size: int = 1000
    in_flight: int = 4
    patience_seconds: float = 60.0
    """How long a server that is away is waited for."""


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
        self._source = source
        self._mapper = mapper
        self._checkpoint = checkpoint
        self._pace = pace or Pace()
        self._numbers: dict[int, int] = {}
        """Row numbers of the events on their way, by the identity of the event."""
        self._unreadable: deque[BadRow] = deque()
        """Rows that were read and do not count yet: events before them are on their way."""

    def run(self, client: Client, watcher: Watcher) -> Account:
        """Send it all. Ctrl-C ends it, with the account so far."""
        began = time.monotonic()
        try:
            self._send(client, watcher, began)
        except KeyboardInterrupt:
            self.account.stopped = "interrupted"
        self.account.seconds = time.monotonic() - began
        if self.account.stopped:
            self._note()
        else:
            self._checkpoint.done()
        return self.account

    def _note(self) -> None:
        self._checkpoint.note(self.account.settled, self.account.all_refused)

    def _send(self, client: Client, watcher: Watcher, began: float) -> None:
        account, noted = self.account, began
        batches = client.upload(
            self._events(),
            batch_size=self._pace.batch_size,
            in_flight=self._pace.in_flight,
            retry_for=self._pace.patience_seconds,
        )
        for batch in batches:
            account.stopped = self._settle(batch, watcher)
            account.seconds = time.monotonic() - began
            watcher.show(self._source.position(), account)
            if account.stopped:
                return
            if time.monotonic() - noted > _NOTE_EVERY_SECONDS:
                noted = time.monotonic()
                self._note()
        self._count_unreadable(watcher)

    def _events(self) -> Iterator[Event]:
        account, mapper = self.account, self._mapper
        for row in self._source.rows():
            if row.number == 1 and self._source.columns is not None:
                mapper.check(self._source.columns)
            if row.number <= self.skip:
                account.skipped += 1
                if isinstance(row, Row):
                    mapper.pass_over(row)
                continue
            event = mapper.event(row) if isinstance(row, Row) else row
            if isinstance(event, BadRow):
                self._unreadable.append(event)
                continue
            self._numbers[id(event)] = row.number
            yield event

    def _settle(self, batch: BatchResult, watcher: Watcher) -> str:
        """Count a batch; why the import must stop, if it must."""
        undelivered = [one for one in batch.dropped if one.reason.code != DropCode.EVENT_TOO_LARGE]
        if undelivered:
            return str(undelivered[0].reason.detail or undelivered[0].reason)
        self.account.tally.add(batch)
        for dropped in batch.dropped:
            self.account.tally.rejected += 1  # the server would say the same, had it been sent
            number = self._numbers.get(id(dropped.event), 0)
            message = f"{dropped.reason.detail}: larger than an event may be"
            self._refuse(Refused(number, dropped.event.event_id, "REJECTED", "", message), watcher)
        for rejected in batch.refusals():
            self._refuse(self._from(rejected), watcher)
        events = [*batch.events, *(one.event for one in batch.dropped)]
        self.account.settled = max(self._numbers.pop(id(event), 0) for event in events)
        self._count_unreadable(watcher, self.account.settled)
        return ""

    def _count_unreadable(self, watcher: Watcher, up_to: float = math.inf) -> None:
        """Those before a row that is settled, or all at the end."""
        while self._unreadable and self._unreadable[0].number < up_to:
            bad = self._unreadable.popleft()
            self.account.unreadable += 1
            self._refuse(Refused(bad.number, "", "UNREADABLE", "", bad.why), watcher)

    def _from(self, rejected: Rejected) -> Refused:
        result = rejected.result
        return Refused(
            self._numbers.get(id(rejected.event), 0),
            result.event_id,
            Verdict.Name(result.verdict).removeprefix("VERDICT_"),
            result.reason,
            result.message,
        )

    def _refuse(self, refused: Refused, watcher: Watcher) -> None:
        if len(self.account.refused) < LISTED:
            self.account.refused.append(refused)
        watcher.refused(refused)

"""The file through the client library, every carrier with its own key, all side by side.

One reader goes through the file; each carrier's uploader takes what is its own. Queues are short:
the file is read as fast as the service stores, and never held.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from footfall.events.v1.event_pb2 import Event
from footfall_client import AsyncClient, BatchResult, Options
from services.cli.calling import CallRefused
from services.cli.demo.cast import Organisation
from services.cli.demo.flights import Departure
from services.cli.tally import Tally

MISSPELT = "feature_usd"
"""What the one damaged row says instead of `feature_used`."""

_BATCH = 1000
_CHUNK = 500
_CHUNKS_WAITING = 4
_IN_FLIGHT = 2
_PATIENCE_SECONDS = 30.0

Chunks = asyncio.Queue[list[Event]]


@dataclass
class Replay:
    """One run over the file, and its account while it runs."""

    tallies: Mapping[str, Tally]
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @classmethod
    def of(cls, cast: Mapping[str, Organisation]) -> Replay:
        return cls({code: Tally() for code in cast})

    @property
    def total(self) -> Tally:
        return sum(self.tallies.values(), Tally())

    @property
    def seconds(self) -> float:
        return max((self.ended or time.monotonic()) - self.began, 1e-9)

    async def run(self, cast: Mapping[str, Organisation], departures: Iterable[Departure]) -> None:
        """Send everything. Raises CallRefused when something stays undelivered."""
        self.began = time.monotonic()
        queues: Mapping[str, Chunks] = {code: asyncio.Queue(_CHUNKS_WAITING) for code in cast}
        refused: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for code, organisation in cast.items():
                    group.create_task(self._upload(organisation, queues[code]))
                group.create_task(_read(departures, queues))
        except* CallRefused as refusals:
            refused = refusals.exceptions[0]
        if refused is not None:  # raised in there, Python before 3.11.4 would group it again
            raise refused from None
        self.ended = time.monotonic()

    async def _upload(self, organisation: Organisation, chunks: Chunks) -> None:
        tally, caller = self.tallies[organisation.code], organisation.caller
        options = Options(max_in_flight=1)
        async with AsyncClient(caller.address, credential=caller.key, options=options) as client:
            async for batch in client.upload(
                _events(chunks),
                batch_size=_BATCH,
                in_flight=_IN_FLIGHT,
                retry_for=_PATIENCE_SECONDS,
            ):
                tally.add(_delivered(batch))


async def send(organisation: Organisation, event: Event) -> BatchResult:
    """One event, by the same way."""
    caller = organisation.caller
    async with AsyncClient(caller.address, credential=caller.key) as client:
        batches = [one async for one in client.upload([event], retry_for=_PATIENCE_SECONDS)]
    return _delivered(batches[0])


def with_a_damaged_row(departures: Iterable[Departure]) -> Iterator[Departure]:
    """The same, but the first row says a type that nobody registered."""
    rows = iter(departures)
    for carrier, event in rows:
        event.type = MISSPELT
        yield carrier, event
        break
    yield from rows


async def _read(departures: Iterable[Departure], queues: Mapping[str, Chunks]) -> None:
    waiting: dict[str, list[Event]] = {code: [] for code in queues}
    for carrier, event in departures:
        chunk = waiting[carrier]
        chunk.append(event)
        if len(chunk) == _CHUNK:
            waiting[carrier] = []
            await queues[carrier].put(chunk)
            await asyncio.sleep(0)  # a queue with room does not let others work
    for carrier, chunk in waiting.items():
        await queues[carrier].put(chunk)
        await queues[carrier].put([])


async def _events(chunks: Chunks) -> AsyncIterator[Event]:
    """What the queue brings, until an empty chunk says that this was all (or there was none)."""
    while chunk := await chunks.get():
        for event in chunk:
            yield event


def _delivered(batch: BatchResult) -> BatchResult:
    if batch.dropped:
        raise CallRefused(f"Events were not delivered: {batch.dropped[0].reason}.")
    return batch

# house: the one writer of the process
"""Group commit: events of many callers share transactions, so that durable calls cost little.

One writer per process (two were measured worse). A lone caller does not wait: the writer flushes at
once after a flush of at most one event, else it gathers for a few milliseconds. The queue is
bounded, and an event whose caller has gone before its flush is dropped, not stored.

No organisation waits for another's locks: a flush gives up on them soon, and its organisations go
on in lanes of their own (`lanes.py`) until each has stored something there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

from services.event_ingest.events.rules import NewEvent, Units
from services.event_ingest.lanes import Lanes
from services.event_ingest.store import Group, Stored, store, waited_in_vain
from shared.database import Database, Tenant
from shared.errors import DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_QUEUE_LIMIT = 10_000
_FLUSH_LIMIT = 1_000
_GATHER_SECONDS = 0.003
_GIVE_UP_SECONDS = 45.0
"""Postgres ends what takes longer than 30; a connection that stays silent is dead."""


@dataclass(eq=False, slots=True)
class _Waiting:
    tenant: Tenant
    units: Units
    event: NewEvent
    stored: asyncio.Future[Stored]


class GroupCommit:
    """The writer for single events; `run` is its task, `store` what handlers await."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._lanes = Lanes(database)
        self._apart: set[Tenant] = set()
        self._storing_apart: set[asyncio.Task[None]] = set()

    async def store_batch(
        self, tenant: Tenant, units: Units, events: Sequence[NewEvent]
    ) -> list[Stored]:
        """Return when the batch is committed, as a whole. Raises Overloaded when too much waits."""
        if self._closing:
            raise DatabaseAway
        return await self._lanes.store(tenant, units, events)

    async def store(self, tenant: Tenant, units: Units, event: NewEvent) -> Stored:
        """Return when the event's fate is committed. Raises Overloaded when the queue is full."""
        if self._closing:
            raise DatabaseAway
        if len(self._queue) >= _QUEUE_LIMIT:
            raise Overloaded
        waiting = _Waiting(tenant, units, event, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        try:
            return await waiting.stored
        finally:
            del waiting  # its error would hold this frame, and with it the event, in a cycle

    async def close(self) -> None:
        """Take no more; `run` stores what is queued and returns."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Flush for ever, until closed and drained, batches included."""
        flushed = 0
        while not (self._closing and not self._queue):
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            if flushed > 1 and len(self._queue) < _FLUSH_LIMIT and not self._closing:
                await asyncio.sleep(_GATHER_SECONDS)
            flushed = await self._flush()
        while self._storing_apart:
            await asyncio.wait(self._storing_apart)
        await self._lanes.drain()

    async def _flush(self) -> int:
        together: dict[tuple[Tenant, Units], list[_Waiting]] = {}
        apart: dict[tuple[Tenant, Units], list[_Waiting]] = {}
        batch = self._take()
        for waiting in batch:
            groups = apart if waiting.tenant in self._apart else together
            groups.setdefault((waiting.tenant, waiting.units), []).append(waiting)
        for group in apart.values():
            self._set_apart(group)
        if together:
            # Sorted: two writers that lock the same counters do so in the same order.
            await self._flush_together([together[key] for key in sorted(together, key=_place)])
        return len(batch)

    async def _flush_together(self, groups: Sequence[Sequence[_Waiting]]) -> None:
        try:
            async with asyncio.timeout(_GIVE_UP_SECONDS):
                outcomes = await store(self._database, [*map(_admitted, groups)], hurried=True)
        except TimeoutError:
            _fail(chain(*groups), DatabaseAway())
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers must hear of it
            if not waited_in_vain(error):
                _fail(chain(*groups), error)
                return
            for group in groups:
                self._apart.add(group[0].tenant)
                self._set_apart(group)
        else:
            for group, stored in zip(groups, outcomes, strict=True):
                _settle(group, stored)

    def _set_apart(self, group: Sequence[_Waiting]) -> None:
        storing = asyncio.create_task(self._store_apart(group))
        self._storing_apart.add(storing)
        storing.add_done_callback(self._storing_apart.discard)

    async def _store_apart(self, group: Sequence[_Waiting]) -> None:
        one = _admitted(group)
        try:
            outcomes = await self._lanes.store(one.tenant, one.units, one.events)
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers must hear of it
            _fail(group, error)
        else:
            self._apart.discard(one.tenant)
            _settle(group, outcomes)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._queue and len(batch) < _FLUSH_LIMIT:
            waiting = self._queue.popleft()
            if not waiting.stored.done():  # else its caller has gone
                batch.append(waiting)
        return batch


def _place(key: tuple[Tenant, Units]) -> tuple[UUID, Units]:
    tenant, units = key
    return tenant.org_id, units


def _admitted(group: Sequence[_Waiting]) -> Group:
    return Group(group[0].tenant, group[0].units, [waiting.event for waiting in group])


def _settle(group: Iterable[_Waiting], outcomes: Iterable[Stored]) -> None:
    for waiting, outcome in zip(group, outcomes, strict=True):
        if not waiting.stored.done():
            waiting.stored.set_result(outcome)


def _fail(batch: Iterable[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            # Its traceback would hold the flush, and with it every event, in a cycle.
            waiting.stored.set_exception((domain_error(error) or error).with_traceback(None))

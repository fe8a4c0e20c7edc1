# house: the one writer of the process
"""Group commit: events of many callers share transactions, so that durable calls cost little.

One writer per process (two were measured worse). A lone caller does not wait: the writer flushes at
once after a flush of at most one event, else it gathers for a few milliseconds. The queue is
bounded, and an event whose caller has gone before its flush is dropped, not stored.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from services.event_ingest.events.rules import NewEvent
from services.event_ingest.store import Group, Stored, store
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
    zone: str
    event: NewEvent
    stored: asyncio.Future[Stored]


class GroupCommit:
    """The writer for single events; `run` is its task, `store` what handlers await."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False

    async def store(self, tenant: Tenant, zone: str, event: NewEvent) -> Stored:
        """Return when the event's fate is committed. Raises Overloaded when the queue is full."""
        if self._closing:
            raise DatabaseAway
        if len(self._queue) >= _QUEUE_LIMIT:
            raise Overloaded
        waiting = _Waiting(tenant, zone, event, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.stored

    async def close(self) -> None:
        """Take no more; `run` stores what is queued and returns."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Flush for ever, until closed and drained."""
        flushed = 0
        while not (self._closing and not self._queue):
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            if flushed > 1 and len(self._queue) < _FLUSH_LIMIT and not self._closing:
                await asyncio.sleep(_GATHER_SECONDS)
            flushed = await self._flush()

    async def _flush(self) -> int:
        batch = self._take()
        if not batch:
            return 0
        by_org: dict[Tenant, list[_Waiting]] = {}
        for waiting in batch:
            by_org.setdefault(waiting.tenant, []).append(waiting)
        # Sorted: two writers that lock the same counters do so in the same order.
        groups = [by_org[tenant] for tenant in sorted(by_org, key=lambda one: one.org_id)]
        admitted = [
            Group(group[0].tenant, group[0].zone, [waiting.event for waiting in group])
            for group in groups
        ]
        try:
            async with asyncio.timeout(_GIVE_UP_SECONDS):
                outcomes = await store(self._database, admitted)
        except TimeoutError:
            _fail(batch, DatabaseAway())
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers must hear of it
            _fail(batch, error)
        else:
            for group, stored in zip(groups, outcomes, strict=True):
                _settle(group, stored)
        return len(batch)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._queue and len(batch) < _FLUSH_LIMIT:
            waiting = self._queue.popleft()
            if not waiting.stored.done():  # else its caller has gone
                batch.append(waiting)
        return batch


def _settle(group: Iterable[_Waiting], outcomes: Iterable[Stored]) -> None:
    for waiting, outcome in zip(group, outcomes, strict=True):
        if not waiting.stored.done():
            waiting.stored.set_result(outcome)


def _fail(batch: Iterable[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            waiting.stored.set_exception(domain_error(error) or error)

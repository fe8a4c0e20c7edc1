# house: batches and the group commit both store through them
"""A lane per organisation: batches that wait for its transactions share the next one.

All transactions of an organisation count in the same hours, so each waits for the one before to be
on disk. Two are under way, for one stores its events while the other commits; more only wait. A
batch that finds its lane empty goes at once. What is queued is bounded, and a batch whose caller
has gone before its turn is dropped, not stored.

No organisation holds up another: of what may be queued each has a share, and where there are more
transactions than connections they wait for one in turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from services.event_ingest.events.rules import NewEvent, Units
from services.event_ingest.store import Group, Stored, store_batches
from shared.database import Database, Tenant
from shared.errors import DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_UNDER_WAY = 2
_EVENTS_AT_ONCE = 4_000
_BYTES_AT_ONCE = 8 << 20
_QUEUED_BYTES = 256 << 20
_LANE_SHARE = 0.5
"""Of it one organisation may hold; as it may of the calls in hand."""
_CONNECTIONS_SPARED = 2
"""For single events, and for those who read."""
_EVENT_BYTES = 300
"""What an event takes beside its data."""
_GIVE_UP_SECONDS = 45.0
"""Postgres ends what takes longer than 30; a connection that stays silent is dead."""


@dataclass(eq=False, slots=True)
class _Waiting:
    group: Group
    size: int
    stored: asyncio.Future[list[Stored]]


@dataclass(eq=False, slots=True)
class _Lane:
    queue: deque[_Waiting] = field(default_factory=deque)
    flushes: dict[asyncio.Task[None], Sequence[_Waiting]] = field(default_factory=dict)
    bytes: int = 0

    def leave(self) -> None:
        """A caller has gone; when it was the last of its transaction, that is undone."""
        for flush, taken in self.flushes.items():
            if all(one.stored.done() for one in taken):
                flush.cancel()


class Lanes:
    """All lanes of the process; they come and go with their batches."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes: dict[Tenant, _Lane] = {}
        self._bytes = 0
        self._connections = asyncio.Semaphore(max(1, database.size - _CONNECTIONS_SPARED))

    async def store(self, tenant: Tenant, units: Units, events: Sequence[NewEvent]) -> list[Stored]:
        """One outcome per event, in order, when they are committed: all of them or none.

        Raises Overloaded when too much is queued, and what a database that is away raises.
        """
        size = sum(_EVENT_BYTES + len(event.data or b"") for event in events)
        lane = self._lanes.get(tenant) or _Lane()
        self._take_room(lane, size)
        stored: asyncio.Future[list[Stored]] = asyncio.get_running_loop().create_future()
        self._lanes[tenant] = lane
        lane.queue.append(_Waiting(Group(tenant, units, events), size, stored))
        self._go_on(tenant, lane)
        try:
            return await stored
        except asyncio.CancelledError:
            lane.leave()
            raise
        finally:
            del stored  # its error would hold this frame, and with it the events, in a cycle

    async def drain(self) -> None:
        """Return when nothing is queued or under way."""
        while flushes := [flush for lane in self._lanes.values() for flush in lane.flushes]:
            await asyncio.wait(flushes)

    def _take_room(self, lane: _Lane, size: int) -> None:
        """For what is queued; there is always some for one batch."""
        full = lane.bytes and lane.bytes + size > _QUEUED_BYTES * _LANE_SHARE
        if full or (self._bytes and self._bytes + size > _QUEUED_BYTES):
            raise Overloaded
        self._give_room(lane, -size)

    def _give_room(self, lane: _Lane, size: int) -> None:
        self._bytes -= size
        lane.bytes -= size

    def _go_on(self, tenant: Tenant, lane: _Lane) -> None:
        while len(lane.flushes) < _UNDER_WAY and (taken := self._next(lane)):
            flush = asyncio.create_task(self._flush(taken))
            lane.flushes[flush] = taken
            flush.add_done_callback(partial(self._landed, tenant, lane))
        if not lane.flushes:
            del self._lanes[tenant]

    def _landed(self, tenant: Tenant, lane: _Lane, flush: asyncio.Task[None]) -> None:
        self._give_room(lane, sum(one.size for one in lane.flushes.pop(flush)))
        self._go_on(tenant, lane)

    def _next(self, lane: _Lane) -> Sequence[_Waiting]:
        """The batches that fit into one transaction; none when nobody waits any more.

        They share the units: those change seldom, and a statement has one time zone.
        """
        taken: list[_Waiting] = []
        events = size = 0
        while lane.queue:
            one = lane.queue[0]
            events, size = events + len(one.group.events), size + one.size
            fits = events <= _EVENTS_AT_ONCE and size <= _BYTES_AT_ONCE
            if taken and not (fits and one.group.units == taken[0].group.units):
                break
            lane.queue.popleft()
            if one.stored.done():  # its caller has gone
                events, size = events - len(one.group.events), size - one.size
                self._give_room(lane, one.size)
            else:
                taken.append(one)
        return taken

    async def _flush(self, taken: Sequence[_Waiting]) -> None:
        try:
            async with asyncio.timeout(_GIVE_UP_SECONDS), self._connections:
                found = await store_batches(self._database, [one.group for one in taken])
        except TimeoutError:
            found = [DatabaseAway()] * len(taken)
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers must hear of it
            found = [error] * len(taken)
        for one, stored in zip(taken, found, strict=True):
            _settle(one.stored, stored)


def _settle(waiting: asyncio.Future[list[Stored]], stored: list[Stored] | BaseException) -> None:
    if waiting.done():
        return
    if isinstance(stored, BaseException):
        # Its traceback would hold the flush, and with it every batch, in a cycle.
        waiting.set_exception((domain_error(stored) or stored).with_traceback(None))
    else:
        waiting.set_result(stored)

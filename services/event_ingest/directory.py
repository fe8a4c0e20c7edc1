# house: every area of this service goes by it
"""What ingestion must know of each organisation, kept for five seconds.

The hot path asks `cached`, which never waits: an entry that grows old is renewed behind its back,
and while the database is away a known one serves for a minute.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextvars import Context
from dataclasses import dataclass
from uuid import UUID

from services.event_ingest.event_types.usecases import load_organisation
from services.event_ingest.events.rules import Organisation
from shared.clock import Clock
from shared.database import Database
from shared.errors import DatabaseAway, DeadlinePassed, NotFound, Overloaded
from shared.sqlstate import domain_error

FRESH_SECONDS = 5.0
_RENEW_AFTER_SECONDS = 3.0
_USABLE_SECONDS = 60.0
_FORCED_EVERY_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_SIZE = 10_000
_NOBODY_CAN_TELL = (DatabaseAway, Overloaded, DeadlinePassed)


@dataclass(slots=True)
class _Entry:
    """Times are those of the monotonic clock."""

    organisation: Organisation
    read_at: float
    changed: bool = False
    """It was changed here since: good for nothing but a database that is away."""
    retry_at: float = 0.0
    """The database was away when it was asked last, so nobody waits for it before then."""


class Directory:
    """A bounded memory of organisations, read with the login and rights of the service."""

    def __init__(self, database: Database, clock: Clock, *, size: int = _SIZE) -> None:
        self._database = database
        self._clock = clock
        self._now = clock.monotonic
        self._size = size
        self._known: OrderedDict[UUID, _Entry] = OrderedDict()
        self._reading: dict[UUID, asyncio.Task[Organisation]] = {}

    def cached(self, org_id: UUID) -> Organisation | None:
        """The organisation, when it was read within five seconds; None says to ask `get`."""
        entry = self._known.get(org_id)
        if entry is None or entry.changed:
            return None
        age = self._now() - entry.read_at
        if age > FRESH_SECONDS:
            return None
        if age > _RENEW_AFTER_SECONDS and self._now() >= entry.retry_at:
            self._read(org_id)
        return entry.organisation

    async def get(self, org_id: UUID) -> Organisation:
        """The organisation as of five seconds ago at most, or a minute while the database is away.

        Raises NotFound when there is none (any more), DatabaseAway or Overloaded when nobody can
        tell.
        """
        if (fresh := self.cached(org_id)) is not None:
            return fresh
        entry = self._usable(org_id)
        if entry is not None and self._now() < entry.retry_at:
            return entry.organisation
        try:
            return await asyncio.shield(self._read(org_id))
        except _NOBODY_CAN_TELL:
            if (entry := self._usable(org_id)) is None:
                raise
            return entry.organisation

    async def refreshed(self, org_id: UUID) -> Organisation:
        """The organisation as it is now, read again at most once a second."""
        entry = self._known.get(org_id)
        recent = entry is not None and self._now() - entry.read_at < _FORCED_EVERY_SECONDS
        if entry is not None and recent and not entry.changed:
            return entry.organisation
        return await asyncio.shield(self._read(org_id))

    def forget(self, org_id: UUID) -> None:
        """Its registry was just changed here: the next question reads it again."""
        self._reading.pop(org_id, None)  # what began before the change may not have seen it
        if (entry := self._known.get(org_id)) is not None:
            entry.changed, entry.retry_at = True, 0.0

    async def close(self) -> None:
        """Leave nothing running."""
        readings = list(self._reading.values())
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)

    def _usable(self, org_id: UUID) -> _Entry | None:
        entry = self._known.get(org_id)
        if entry is None or self._now() - entry.read_at > _USABLE_SECONDS:
            return None
        return entry

    def _read(self, org_id: UUID) -> asyncio.Task[Organisation]:
        """One reading at a time for each organisation, shared by all who wait."""
        reading = self._reading.get(org_id)
        if reading is None:
            # In a context of its own: it outlives the call that happened to ask first.
            reading = asyncio.create_task(self._load(org_id), context=Context())
            self._reading[org_id] = reading
            reading.add_done_callback(lambda done: self._read_done(org_id, done))
        return reading

    def _read_done(self, org_id: UUID, reading: asyncio.Task[Organisation]) -> None:
        if self._reading.get(org_id) is reading:
            del self._reading[org_id]
        if not reading.cancelled():
            reading.exception()  # seen here: a renewal has nobody who waits for it

    async def _load(self, org_id: UUID) -> Organisation:
        read_at, before = self._now(), self._known.get(org_id)
        known = before.organisation if before is not None else None
        try:
            organisation = await load_organisation(self._database, org_id, self._clock.now(), known)
        except Exception as error:
            if before is not None:
                before.retry_at = self._now() + _RETRY_SECONDS
            if (meant := domain_error(error)) is None:
                raise
            raise meant from error
        if organisation is None:
            self._known.pop(org_id, None)
            raise NotFound(resource="organisation")
        if self._reading.get(org_id) is asyncio.current_task():  # else it was forgotten meanwhile
            self._keep(org_id, _Entry(organisation, read_at))
        return organisation

    def _keep(self, org_id: UUID, entry: _Entry) -> None:
        self._known[org_id] = entry
        self._known.move_to_end(org_id)
        if len(self._known) > self._size:
            self._known.popitem(last=False)

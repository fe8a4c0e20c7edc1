"""Following the log of events for what counts in journeys.

What is stored of a client and how far the log was followed are one transaction: each event comes
into its journey, whoever dies, and once, for its id is known there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import store_ingested
from services.journey.refreshing import queries
from services.journey.refreshing.queries import Batch
from services.journey.refreshing.usecases.passing import WORKER
from services.journey.refreshing.usecases.turns import Turns
from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant

_LOG_ROWS = 2_000
_EVENTS = 2_000
_KEEP_EVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What one look at all organisations did."""

    events: int
    """Stored in journeys."""
    pieces: int
    """Of the log that were read: more may follow."""
    lag_seconds: float
    """How long the oldest of them had waited; 0 when there were none."""


@dataclass(frozen=True, slots=True)
class _Piece:
    stored: int
    batch: Batch


class Follower:
    """Knows who has something to follow, without reading the log again and again."""

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._clock = clock
        self._turns = Turns("following", clock)
        self._seen: int | None = None
        """The last position of the log that was looked at. One that is there, for after a crash
        Postgres gives ids again that nobody had committed with."""
        self._behind: dict[UUID, int] = {}
        """Each with a position up to which nothing is left."""
        self._passed: dict[UUID, int] = {}
        """Who wrote what does not matter here, and up to where: kept now and then, so that a worker
        that begins has not all of the log to read."""
        self._keep_at = clock.monotonic() + _KEEP_EVERY_SECONDS

    async def follow(self) -> Followed:
        """Store a piece of everyone who is behind."""
        await self._find()
        found = [
            await self._turns.take(org_id, self._follow(org_id, floor))
            for org_id, floor in list(self._behind.items())
            if self._turns.may(org_id)
        ]
        if self._clock.monotonic() >= self._keep_at:
            await self._keep()
        done = [piece for piece in found if piece is not None]
        now = self._clock.now()
        waited = [(now - piece.batch.logged_at).total_seconds() for piece in done]
        stored = sum(piece.stored for piece in done)
        return Followed(stored, len(done), max(waited, default=0.0))

    async def _find(self) -> None:
        """At first everyone who has something after the cursor, then who has written since."""
        async with self._across.across_tenants() as raw:
            if self._seen is None:
                seen = await queries.select_end(raw)
                for org_id in await queries.select_behind(raw):
                    self._behind.setdefault(org_id, 0)
            else:
                logged = await queries.select_logged(raw, self._seen)
                seen = max((one.position for one in logged), default=self._seen)
                for one in logged:
                    if one.matters:
                        self._behind.setdefault(one.org_id, self._seen)
                    elif one.org_id not in self._behind:
                        self._passed[one.org_id] = one.position
        self._seen = seen

    async def _follow(self, org_id: UUID, floor: int) -> _Piece | None:
        rows, events = (self._turns.share(org_id, whole) for whole in (_LOG_ROWS, _EVENTS))
        async with self._cursor(org_id) as (raw, position):
            if position is None:
                return None  # another worker has it in hand, which may die: look again
            after = max(position, floor)
            batch = await queries.select_log(raw, org_id, after, rows=rows, events=events)
            stored = 0
            if batch is not None:
                stored = await self._store(raw, org_id, batch)
                await queries.upsert_position(raw, org_id, batch.position)
        self._passed.pop(org_id, None)
        if batch is None:
            del self._behind[org_id]
            return None
        return _Piece(stored, batch)

    async def _store(self, raw: RawConnection, org_id: UUID, batch: Batch) -> int:
        if not batch.event_ids:
            return 0
        told = await queries.select_told(raw, org_id, batch.event_ids)
        if not told:
            return 0
        settings = await read_settings(raw, org_id)
        now = to_micros(self._clock.now())
        return await store_ingested(raw, org_id, told, now, settings)

    async def _keep(self) -> None:
        """Move the cursors over what does not matter."""
        for org_id, position in list(self._passed.items()):
            if org_id in self._behind:
                del self._passed[org_id]
            elif self._turns.may(org_id):
                await self._turns.take(org_id, self._pass(org_id, position))
        self._keep_at = self._clock.monotonic() + _KEEP_EVERY_SECONDS

    async def _pass(self, org_id: UUID, position: int) -> None:
        async with self._cursor(org_id) as (raw, known):
            if known is None:
                return  # another worker is further anyway, or will be passed the next time
            await queries.upsert_position(raw, org_id, position)
        del self._passed[org_id]

    @asynccontextmanager
    async def _cursor(self, org_id: UUID) -> AsyncIterator[tuple[RawConnection, int | None]]:
        """A transaction with the cursor locked, and where it stands; None where another has it.

        It is made in a transaction of its own: for one that is not committed others would wait.
        """
        tenant = Tenant(org_id, WORKER)
        async with self._database.raw_transaction(tenant) as raw:
            await queries.insert_cursor(raw, org_id)
        async with self._database.raw_transaction(tenant) as raw:
            yield raw, await queries.lock_cursor(raw, org_id)

"""Following a log in the order of commits, as a stream that can be resumed: places, tokens, pace.

A log is a table in which each transaction leaves one row: its position, and the ids of what it
wrote. The services' streams differ in what they show of an id; all else is here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Table, any_, func, literal, select, true

from shared.errors import ResumeTokenExpired, StreamLifeEnded

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from sqlalchemy.ext.asyncio import AsyncConnection

    from shared.database import Database
    from shared.rpc.call import Call
    from shared.rpc.page_token import PageTokens

KEPT = timedelta(hours=72)
"""How far back a stream can be resumed; logs are kept a little longer."""

CHUNK = 200
"""Ids that are looked at in one go."""

ROWS = 20
"""Rows of a log that are read in one go."""

_AHEAD = 10_000
"""Rows of a log that are looked through for what changes again; it bounds what a look costs."""

_GRACE = timedelta(hours=1)
"""Who is told the oldest place has so long to go there."""

_LOOK_EVERY_SECONDS = 0.25
_SIGN_OF_LIFE_SECONDS = 5.0
_HORIZON = func.app.log_horizon()

Shown = TypeVar("Shown")
Id = TypeVar("Id", UUID, str)
"""What a log holds: one kind of id each."""

Batch = tuple[int, Sequence[Id]]
"""What one transaction left: its position, and the ids."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands: all up to `position` is sent, and `offset` ids of what follows."""

    position: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Piece(Generic[Shown]):
    """What to send next, each with the place after it, and the place after all of it."""

    shown: Sequence[tuple[Shown, Place]]
    after: Place
    more: bool
    logged_at: datetime
    """Nothing that follows was written long before."""


@dataclass(frozen=True, slots=True)
class Log(Generic[Id]):
    """One log, by its table and the name of the column that holds the ids."""

    table: Table
    ids: str

    async def select_batches(
        self, connection: AsyncConnection, org_id: UUID, after: int, limit: int = ROWS
    ) -> tuple[Sequence[Batch[Id]], datetime]:
        """Committed rows after a position, oldest first, and when the first was written, else now.

        Where rows hold many ids, no more of them than one look takes. A transaction that still runs
        holds the horizon back: what it commits must not be passed by.
        """
        log = self.table.c
        piece = (
            select(log.position, log[self.ids].label("ids"), log.logged_at)
            .where(log.org_id == org_id, log.position > after, log.position < _HORIZON)
            .order_by(log.position)
            .limit(limit)
            .subquery()
        ).c
        count = func.cardinality(piece.ids)
        before = func.sum(count).over(order_by=piece.position) - count
        found = select(
            piece.position, piece.ids, piece.logged_at, before.label("before")
        ).subquery()
        query = select(found).where(found.c.before < CHUNK).order_by(found.c.position)
        rows = (await connection.execute(query)).all()
        return [(row[0], row[1]) for row in rows], rows[0][2] if rows else datetime.now(UTC)

    async def select_changed_again(
        self,
        connection: AsyncConnection,
        org_id: UUID,
        batches: Sequence[Batch[Id]],
        steps: Sequence[tuple[Id, Place]],
    ) -> set[Id]:
        """Ids of these steps that a later row names too: they are shown there, and not here.

        To be asked after what is shown was read, which may be newer than the steps: whatever was
        seen of a later change, its row is seen here, even beyond the horizon.
        """
        if not steps:
            return set()
        log, kind = self.table.c, self.table.c[self.ids].type
        ahead = (
            select(log[self.ids].label("ids"))
            .where(log.org_id == org_id, log.position > reached(batches, steps[-1][1]))
            .order_by(log.position)
            .limit(_AHEAD)
            .subquery()
        )
        named = func.unnest(ahead.c.ids).table_valued("id").render_derived().lateral()
        wanted = any_(literal([one for one, _ in steps], kind))
        query = select(named.c.id).select_from(ahead.join(named, true()))
        return set((await connection.execute(query.where(named.c.id == wanted))).scalars())

    async def select_place_of_now(self, connection: AsyncConnection, org_id: UUID) -> Place:
        """The place after the last row that no earlier one can follow."""
        log = self.table.c
        query = select(func.max(log.position)).where(log.org_id == org_id, log.position < _HORIZON)
        return Place((await connection.execute(query)).scalar_one_or_none() or 0)

    async def select_oldest_place(
        self, connection: AsyncConnection, org_id: UUID, since: datetime
    ) -> Place:
        """The place before the oldest row that was written since then, else that of now."""
        log = self.table.c
        query = select(func.min(log.position)).where(log.org_id == org_id, log.logged_at >= since)
        oldest: int | None = (await connection.execute(query)).scalar_one_or_none()
        if oldest is None:
            return await self.select_place_of_now(connection, org_id)
        return Place(oldest - 1)


def walk(batches: Sequence[Batch[Id]], place: Place) -> list[tuple[Id, Place]]:
    """Up to CHUNK ids of the log after a place, each with the place after it."""
    steps: list[tuple[Id, Place]] = []
    offset, before = place.offset, place.position
    for position, ids in batches:
        for index in range(offset, len(ids)):
            last = index == len(ids) - 1
            steps.append((ids[index], Place(position) if last else Place(before, index + 1)))
            if len(steps) == CHUNK:
                return steps
        before, offset = position, 0
    return steps


def latest(steps: Sequence[tuple[Id, Place]]) -> list[tuple[Id, Place]]:
    """Of steps through a log those that stay when of equal ids the last alone is looked at."""
    last = {one: index for index, (one, _) in enumerate(steps)}
    return [step for index, step in enumerate(steps) if last[step[0]] == index]


def reached(batches: Sequence[Batch[Id]], after: Place) -> int:
    """The position of the last row of which an id was looked at, be it in part."""
    rest = (position for position, _ in batches if position > after.position)
    return next(rest, after.position) if after.offset else after.position


def has_more(batches: Sequence[Batch[Id]], after: Place) -> bool:
    """Whether something may follow these rows, or what was not yet looked at of them."""
    if not batches:
        return False
    cut = len(batches) == ROWS or sum(len(ids) for _, ids in batches) >= CHUNK
    return cut or after.position < batches[-1][0]


AnyPiece = TypeVar("AnyPiece", bound=Piece)  # type: ignore[type-arg]


async def follow(
    read: Callable[[Place], Awaitable[AnyPiece]], place: Place, stopping: asyncio.Event
) -> AsyncIterator[AnyPiece]:
    """Pieces as they are committed, an empty one at once and every few seconds as a sign of life.

    Raises StreamLifeEnded when the service stops.
    """
    said_at = 0.0
    while not stopping.is_set():
        piece = await read(place)
        place = piece.after
        if piece.shown or time.monotonic() - said_at > _SIGN_OF_LIFE_SECONDS:
            yield piece
            said_at = time.monotonic()
        if not piece.more:
            await _pause(stopping)
    raise StreamLifeEnded


async def _pause(stopping: asyncio.Event) -> None:
    """Wait for the next look, or for the end of the service."""
    try:
        await asyncio.wait_for(stopping.wait(), _LOOK_EVERY_SECONDS)
    except TimeoutError:
        return


@dataclass(frozen=True, slots=True)
class Resumption:
    """The resume tokens of one stream: a place, and since when the log is needed to go on there."""

    database: Database
    log: Log[UUID] | Log[str]
    tokens: PageTokens

    async def start(self, call: Call, request: Message, resume_token: str) -> Place:
        """Where the stream begins. Raises InvalidPageToken, ResumeTokenExpired."""
        token = self.tokens.open(call, request, resume_token)
        org_id, tenant = call.identity.org_id, call.identity.tenant
        if token is None:
            async with self.database.tenant_transaction(tenant) as transaction:
                return await self.log.select_place_of_now(transaction.connection, org_id)
        place, logged_at = Place(token[0], token[1]), datetime.fromtimestamp(token[2], UTC)
        now = datetime.now(UTC)
        if now - logged_at > KEPT:
            async with self.database.tenant_transaction(tenant) as transaction:
                connection = transaction.connection
                oldest = await self.log.select_oldest_place(connection, org_id, now - KEPT)
            since = now - KEPT + _GRACE
            raise ResumeTokenExpired(oldest=self.token(call, request, oldest, since))
        return place

    def token(self, call: Call, request: Message, place: Place, logged_at: datetime) -> str:
        """What resumes the stream at a place, before which nothing was written long ago."""
        held = (place.position, place.offset, int(logged_at.timestamp()))
        return self.tokens.seal(call, request, held)

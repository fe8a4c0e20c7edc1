"""Following the commit log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from services.event_ingest.events.rules import EventQuery
from services.event_ingest.events.usecases import Ingestion, for_caller
from services.event_ingest.tail import queries
from services.event_ingest.tail.rules import Piece, Place, walk
from shared.database import Database
from shared.errors import StreamLifeEnded
from shared.identity.identity import Identity

KEPT = timedelta(hours=72)
"""How far back a tail can be resumed; the log is kept a little longer."""

GRACE = timedelta(hours=1)
"""Who is told the oldest place has so long to go there."""

_BATCHES = 20
_LOOK_EVERY_SECONDS = 0.25
_SIGN_OF_LIFE_SECONDS = 5.0


async def tail_events(
    ingestion: Ingestion,
    caller: Identity,
    query: EventQuery,
    place: Place,
    stopping: asyncio.Event,
) -> AsyncIterator[Piece]:
    """Pieces as they are committed, an empty one at once and every few seconds as a sign of life.

    Raises StreamLifeEnded when the service stops.
    """
    said_at = 0.0
    while not stopping.is_set():
        piece = await _read_piece(ingestion, caller, query, place)
        place = piece.after
        if piece.events or time.monotonic() - said_at > _SIGN_OF_LIFE_SECONDS:
            yield piece
            said_at = time.monotonic()
        if not piece.more:
            await _pause(stopping)
    raise StreamLifeEnded


async def read_place_of_now(database: Database, caller: Identity) -> Place:
    """The place after all that is committed."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        return Place(await queries.select_last_position(transaction.connection, caller.org_id))


async def read_oldest_place(database: Database, caller: Identity) -> Place:
    """The place before the oldest batch that is still kept."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        since = datetime.now(UTC) - KEPT
        oldest = await queries.select_oldest_position(transaction.connection, caller.org_id, since)
    return Place(oldest - 1) if oldest is not None else await read_place_of_now(database, caller)


async def _read_piece(
    ingestion: Ingestion, caller: Identity, query: EventQuery, place: Place
) -> Piece:
    organisation = await ingestion.directory.get(caller.org_id)
    where = for_caller(query, organisation, caller)
    async with ingestion.database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        log = await queries.select_log(connection, org_id, place.position, _BATCHES)
        batches, logged_at = log
        if not batches:
            # Not further: after a crash Postgres gives ids again that nobody had committed with.
            return Piece((), place, False, organisation, logged_at)  # noqa: FBT003
        steps = walk(batches, place)
        ids = [event_id for event_id, _ in steps]
        found = await queries.select_events_by_id(connection, org_id, ids, where=where)
    events = [(found[event_id], after) for event_id, after in steps if event_id in found]
    after = steps[-1][1] if steps else place
    more = after.position < batches[-1][0] or len(batches) == _BATCHES
    return Piece(events, after, more, organisation, logged_at)


async def _pause(stopping: asyncio.Event) -> None:
    """Wait for the next look, or for the end of the service."""
    try:
        await asyncio.wait_for(stopping.wait(), _LOOK_EVERY_SECONDS)
    except TimeoutError:
        return

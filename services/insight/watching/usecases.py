"""Following the changes of insights."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from services.insight.insights.queries import select_matching
from services.insight.insights.rules.life import InsightFilter
from services.insight.watching import queries
from services.insight.watching.rules import Piece, Place, walk
from shared.database import Database
from shared.errors import StreamLifeEnded
from shared.identity.identity import Identity

KEPT = timedelta(hours=72)
"""How far back a watch can be resumed; changes are kept a little longer."""

GRACE = timedelta(hours=1)
"""Who is told the oldest place has so long to go there."""

_CHANGES = 20
_LOOK_EVERY_SECONDS = 0.25
_SIGN_OF_LIFE_SECONDS = 5.0


async def watch_insights(
    database: Database,
    caller: Identity,
    where: InsightFilter,
    place: Place,
    stopping: asyncio.Event,
) -> AsyncIterator[Piece]:
    """Pieces as they are committed, an empty one at once and every few seconds as a sign of life.

    Raises StreamLifeEnded when the service stops.
    """
    said_at = 0.0
    while not stopping.is_set():
        piece = await _read_piece(database, caller, where, place)
        place = piece.after
        if piece.insights or time.monotonic() - said_at > _SIGN_OF_LIFE_SECONDS:
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
    """The place before the oldest change that is still kept."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        since = datetime.now(UTC) - KEPT
        oldest = await queries.select_oldest_position(transaction.connection, caller.org_id, since)
    return Place(oldest - 1) if oldest is not None else await read_place_of_now(database, caller)


async def _read_piece(
    database: Database, caller: Identity, where: InsightFilter, place: Place
) -> Piece:
    async with database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        changes, logged_at = await queries.select_changes(
            connection, org_id, place.position, _CHANGES
        )
        if logged_at is None:
            # Not further: after a crash Postgres gives ids again that nobody had committed with.
            return Piece((), place, more=False, logged_at=datetime.now(UTC))
        steps = walk(changes, place)
        ids = [insight_id for insight_id, _ in steps]
        found = await select_matching(connection, org_id, ids, where=where)
    insights = [(found[one], after) for one, after in steps if one in found]
    after = steps[-1][1] if steps else place
    more = after.position < changes[-1][0] or len(changes) == _CHANGES
    return Piece(insights, after, more, logged_at)


async def _pause(stopping: asyncio.Event) -> None:
    """Wait for the next look, or for the end of the service."""
    try:
        await asyncio.wait_for(stopping.wait(), _LOOK_EVERY_SECONDS)
    except TimeoutError:
        return

"""Following clients as they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from services.journey.standings.queries import select_listed_by_id
from services.journey.standings.rules import Listed
from services.journey.watching.rules import Watched
from shared.database import Database
from shared.following import Log, Piece, Place, follow, has_more, latest, walk
from shared.identity.identity import Identity
from shared.schema.journey import journey_changes

CHANGES: Log[str] = Log(journey_changes, "client_ids")


def watch_journeys(
    database: Database, caller: Identity, where: Watched, place: Place, stopping: asyncio.Event
) -> AsyncIterator[Piece[Listed]]:
    """Clients as they change, as they stand now. Raises StreamLifeEnded."""
    return follow(partial(_read_piece, database, caller, where), place, stopping)


async def _read_piece(
    database: Database, caller: Identity, where: Watched, place: Place
) -> Piece[Listed]:
    async with database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        changes, logged_at = await CHANGES.select_batches(connection, org_id, place.position)
        steps = latest(walk(changes, place))
        wanted = [client_id for client_id, _ in steps if where.names(client_id)]
        found = await select_listed_by_id(
            connection, org_id, wanted, min_level=where.min_level, stages=where.stages
        )
        again = await CHANGES.select_changed_again(connection, org_id, changes, steps)
    shown = found.keys() - again
    clients = [(found[one], after) for one, after in steps if one in shown]
    # Without rows no further: after a crash Postgres gives ids again that nobody committed with.
    after = steps[-1][1] if steps else place
    return Piece(clients, after, has_more(changes, after), logged_at)

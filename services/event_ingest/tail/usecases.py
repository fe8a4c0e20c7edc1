"""Following the commit log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.event_ingest.events.rules import EventQuery, Organisation, StoredRow
from services.event_ingest.events.usecases import Ingestion, for_caller
from services.event_ingest.tail import queries
from shared.following import Log, Piece, Place, follow, has_more, walk
from shared.identity.identity import Identity
from shared.schema.events import event_log

COMMITS: Log[UUID] = Log(event_log, "event_ids")


@dataclass(frozen=True, slots=True)
class Events(Piece[StoredRow]):
    """A piece of the tail, and the organisation that names the types of its events."""

    organisation: Organisation


def tail_events(
    ingestion: Ingestion,
    caller: Identity,
    query: EventQuery,
    place: Place,
    stopping: asyncio.Event,
) -> AsyncIterator[Events]:
    """Events as they are committed. Raises StreamLifeEnded."""
    return follow(partial(_read_piece, ingestion, caller, query), place, stopping)


async def _read_piece(
    ingestion: Ingestion, caller: Identity, query: EventQuery, place: Place
) -> Events:
    organisation = await ingestion.directory.get(caller.org_id)
    where = for_caller(query, organisation, caller)
    async with ingestion.database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        batches, logged_at = await COMMITS.select_batches(connection, org_id, place.position)
        steps = walk(batches, place)
        ids = [event_id for event_id, _ in steps]
        found = await queries.select_events_by_id(connection, org_id, ids, where=where)
    events = [(found[event_id], after) for event_id, after in steps if event_id in found]
    # Without rows no further: after a crash Postgres gives ids again that nobody committed with.
    after = steps[-1][1] if steps else place
    return Events(events, after, has_more(batches, after), logged_at, organisation)

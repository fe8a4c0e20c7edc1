"""Reading events back, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from uuid import UUID

from services.event_ingest.events import queries, rules
from services.event_ingest.events.rules import (
    Cursor,
    EventFilter,
    EventQuery,
    Organisation,
    Page,
    StoredRow,
)
from services.event_ingest.events.usecases.ingest import Ingestion
from shared.database import Transaction
from shared.identity.identity import Identity, Role

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


async def list_events(
    ingestion: Ingestion, caller: Identity, query: EventQuery, *, before: Cursor | None, size: int
) -> Page:
    """A page of events, the latest first."""
    organisation = await ingestion.directory.get(caller.org_id)
    where = for_caller(query, organisation, caller)
    async with ingestion.database.tenant_transaction(caller.tenant) as transaction:
        rows = await _listed(transaction, caller.org_id, where, before, size + 1)
    shown = list(takewhile(_is_whole, rows[:size]))
    return Page(shown, len(rows) > len(shown), organisation)


def _is_whole(row: StoredRow) -> bool:
    """Whether it came with its data; else the page is full before it."""
    return bool(row["bytes_before"] < rules.MAX_LISTED_BYTES)


async def _listed(
    transaction: Transaction,
    org_id: UUID,
    where: EventFilter,
    before: Cursor | None,
    limit: int,
) -> list[StoredRow]:
    connection = transaction.connection
    if where.type_ids is None or where.user_id:
        found = await queries.select_events(
            connection, org_id, where=where, before=before, limit=limit
        )
        return list(found)
    # By type alone: the counters tell in which hours to look. They also count events that were
    # deleted since, so a look may come back with less than asked for while there is more below.
    rows: list[StoredRow] = []
    until = before[0] if before else where.until or _FAR
    while len(rows) < limit and (not rows or _is_whole(rows[-1])):
        hours = await queries.select_hours_of_types(
            connection, org_id, where=where, until=until, limit=limit
        )
        if not hours:
            break
        hours = rules.apart(hours)
        rows += await queries.select_events_in_hours(
            connection, org_id, hours, where=where, before=before, limit=limit - len(rows)
        )
        until = hours[-1] - _TICK
        where = replace(where, until=min(where.until or _FAR, hours[-1]))
    return rows


def for_caller(query: EventQuery, organisation: Organisation, caller: Identity) -> EventFilter:
    """The filter with types by number, and a member's own events only (an index serves both)."""
    type_ids = None
    if query.types:
        known = organisation.types
        type_ids = tuple({known[name].type_id for name in query.types if name in known})
    where = EventFilter(query.user_id, type_ids, query.since, query.until)
    if caller.role is not Role.MEMBER:
        return where
    if where.user_id not in ("", caller.subject):
        where = replace(where, type_ids=())
    return replace(where, user_id=caller.subject)

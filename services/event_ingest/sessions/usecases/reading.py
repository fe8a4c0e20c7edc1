"""Reading sessions: what GetSession and ListSessions answer."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.event_ingest.events.rules import Cursor, StoredRow
from services.event_ingest.sessions import queries
from services.event_ingest.sessions.rules import Page, SessionFilter
from shared.database import Database
from shared.errors import NotFound
from shared.identity.identity import Identity, Role


async def get_session(database: Database, caller: Identity, session_key: UUID) -> StoredRow:
    """The session of that key, when the caller may see it."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        row = await queries.select_session(transaction.connection, caller.org_id, session_key)
    if row is None:
        raise NotFound(resource="session")
    return row


async def list_sessions(
    database: Database, caller: Identity, where: SessionFilter, *, before: Cursor | None, size: int
) -> Page:
    """A page of sessions, the latest start first."""
    if caller.role is Role.MEMBER and not where.user_id:
        where = replace(where, user_id=caller.subject)  # it sees no other; an index finds these
    async with database.tenant_transaction(caller.tenant) as transaction:
        rows = await queries.select_sessions(
            transaction.connection, caller.org_id, where=where, before=before, limit=size + 1
        )
    return Page(rows[:size], len(rows) > size)

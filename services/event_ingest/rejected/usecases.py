"""Keeping, listing and replaying refused events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from services.event_ingest.events.errors import EventConflict
from services.event_ingest.events.rules import Arrival, StoredRow, Verdict, explanation
from services.event_ingest.rejected import queries
from services.event_ingest.rejected.rules import MAX_REPLAY, Page, Refusal
from shared import ids
from shared.database import Database, Tenant
from shared.errors import FootfallError, InvalidField, NotFound
from shared.identity.identity import Identity

WRITER = "ingest"
"""The role that stores for many callers at once; see shared/schema/tenancy.py."""


async def keep(
    database: Database,
    caller: Identity,
    refused: Sequence[tuple[Arrival, FootfallError]],
    *,
    bytes_per_day: int,
) -> None:
    """Commit refused events as they were sent; returns when they are safe.

    What goes beyond the organisation's bytes or number of the day is counted and not kept.
    """
    refusals = [_refusal(arrival, error) for arrival, error in refused]
    received_at = datetime.fromtimestamp(refused[0][0].received_us / 1_000_000, UTC)
    statement = queries.insert_rejected(
        Tenant(caller.org_id, WRITER), refusals, received_at, most_bytes=bytes_per_day
    )
    await database.in_one_round_trip([statement])


async def list_rejected_events(
    database: Database, caller: Identity, reason: str, *, before: UUID | None, size: int
) -> Page:
    """Refused events, the latest first."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        rows = await queries.select_rejected(
            transaction.connection, caller.org_id, reason=reason, before=before, limit=size + 1
        )
        not_kept = await queries.select_not_kept(transaction.connection, caller.org_id)
    shown = [row for row in rows[:size] if row["raw"] is not None]
    return Page(shown, len(rows) > len(shown), not_kept)


async def choose_for_replay(
    database: Database, caller: Identity, *, rejection_ids: Sequence[UUID], reason: str
) -> tuple[Sequence[StoredRow], int]:
    """The refused events to try again, and how many of the reason are left for later calls."""
    if bool(rejection_ids) == bool(reason):
        raise InvalidField.of("rejection_ids", "name either rejection_ids or a reason")
    async with database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        if reason:
            rows, total = await queries.select_oldest_rejected(
                connection, org_id, reason, MAX_REPLAY
            )
            return rows, total - len(rows)
        wanted = set(rejection_ids)
        rows = await queries.select_rejected_by_id(connection, org_id, list(wanted))
    if len(rows) != len(wanted):
        raise NotFound("A rejection_id is not kept, or not any more; none was tried.")
    return rows, 0


async def drop(database: Database, caller: Identity, rejection_ids: Sequence[UUID]) -> None:
    """Take events off the list that are stored now."""
    async with database.tenant_transaction(Tenant(caller.org_id, WRITER)) as transaction:
        await queries.delete_rejected(transaction.connection, caller.org_id, rejection_ids)


def _refusal(arrival: Arrival, error: FootfallError) -> Refusal:
    return Refusal(
        rejection_id=ids.uuid7(arrival.received_us // 1000),
        verdict=Verdict.CONFLICT if isinstance(error, EventConflict) else Verdict.REJECTED,
        reason=error.reason,
        message=explanation(error),
        event_id=_printable(arrival.event_id),
        user_id=_printable(arrival.writes_as or arrival.user_id) or None,
        raw=arrival.raw,
    )


def _printable(text: str) -> str:
    """Text that Postgres can keep; the raw bytes beside it are exact."""
    return text[:128].replace("\0", "\N{REPLACEMENT CHARACTER}")

"""The SQL of refused events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, UnaryExpression, asc, case, delete, desc, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.event_ingest.rejected.rules import KEPT_PER_DAY, Refusal
from shared import arrays
from shared.database import Statement, Tenant
from shared.schema.events import rejected_days, rejected_events

_PAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise
_REPLAY_BYTES = 16 * 1024 * 1024

_INSERT_REJECTED = """
WITH today AS (
  SELECT coalesce(sum(kept), 0) AS kept, coalesce(sum(kept_bytes), 0) AS bytes
  FROM app.rejected_days
  WHERE org_id = %(org)s::uuid AND day = %(day)s::date
), sent AS (
  SELECT *, coalesce(sum(octet_length(raw)) OVER (ORDER BY place), 0) AS bytes
  FROM unnest(%(ids)b::uuid[], %(verdicts)b::smallint[], %(reasons)b::text[],
    %(messages)b::text[], %(event_ids)b::text[], %(users)b::text[], %(raws)b::bytea[])
    WITH ORDINALITY AS s (rejection_id, verdict, reason, message, event_id, user_id, raw, place)
), kept AS (
  INSERT INTO app.rejected_events (org_id, received_at, rejection_id, verdict, reason, message,
    event_id, user_id, raw)
  SELECT %(org)s::uuid, %(received)s::timestamptz, rejection_id, verdict, reason, message,
    coalesce(event_id, ''), user_id, coalesce(raw, ''::bytea)
  FROM sent, today
  WHERE place <= %(cap)s - today.kept AND sent.bytes <= %(cap_bytes)s - today.bytes
  ON CONFLICT DO NOTHING RETURNING octet_length(raw) AS bytes
)
INSERT INTO app.rejected_days AS d (org_id, day, kept, not_kept, kept_bytes)
SELECT %(org)s::uuid, %(day)s::date, count(*), %(rows)s - count(*), coalesce(sum(bytes), 0)
FROM kept
ON CONFLICT (org_id, day) DO UPDATE
  SET kept = d.kept + EXCLUDED.kept, not_kept = d.not_kept + EXCLUDED.not_kept,
    kept_bytes = d.kept_bytes + EXCLUDED.kept_bytes
RETURNING kept
"""


def insert_rejected(
    tenant: Tenant, refusals: Sequence[Refusal], received_at: datetime, *, most_bytes: int
) -> Statement:
    """The statement that keeps refused events as they were sent, up to the day's caps."""
    parameters = {
        "org": tenant.org_id,
        "received": received_at,
        "day": received_at.date(),
        "cap": KEPT_PER_DAY,
        "cap_bytes": most_bytes,
        "rows": len(refusals),
        "ids": arrays.Uuids([refusal.rejection_id for refusal in refusals]),
        "verdicts": arrays.Smallints([refusal.verdict for refusal in refusals]),
        "reasons": arrays.Texts([refusal.reason for refusal in refusals]),
        "messages": arrays.Texts([refusal.message for refusal in refusals]),
        "event_ids": arrays.Texts([refusal.event_id for refusal in refusals]),
        "users": arrays.Texts([refusal.user_id for refusal in refusals]),
        "raws": arrays.Byteas([refusal.raw for refusal in refusals]),
    }
    return Statement(tenant, _INSERT_REJECTED, parameters)


async def select_rejected(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    reason: str,
    before: UUID | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Refused events, the latest first; those of which a message has no room come without `raw`."""
    r = rejected_events.c
    query = select(rejected_events).where(r.org_id == org_id)
    if reason:
        query = query.where(r.reason == reason)
    if before is not None:
        query = query.where(r.rejection_id < before)
    query = _weighed(query, desc, limit, _PAGE_BYTES)
    return (await connection.execute(query)).mappings().all()


async def select_not_kept(connection: AsyncConnection, org_id: UUID) -> int:
    """How many refused events went beyond the daily caps."""
    query = select(func.coalesce(func.sum(rejected_days.c.not_kept), 0)).where(
        rejected_days.c.org_id == org_id
    )
    return int((await connection.execute(query)).scalar_one())


async def select_rejected_by_id(
    connection: AsyncConnection, org_id: UUID, rejection_ids: Sequence[UUID]
) -> Sequence[RowMapping]:
    """These refused events, in the order of their ids."""
    r = rejected_events.c
    query = (
        select(rejected_events)
        .where(r.org_id == org_id, r.rejection_id.in_(rejection_ids))
        .order_by(r.rejection_id)
    )
    return (await connection.execute(query)).mappings().all()


async def select_oldest_rejected(
    connection: AsyncConnection, org_id: UUID, reason: str, limit: int
) -> tuple[Sequence[RowMapping], int]:
    """The oldest events refused for a reason, and how many there are in all."""
    r = rejected_events.c
    mine = (r.org_id == org_id, r.reason == reason)
    query = _weighed(select(rejected_events).where(*mine), asc, limit, _REPLAY_BYTES)
    rows = [row for row in (await connection.execute(query)).mappings() if row["raw"] is not None]
    total = select(func.count()).select_from(rejected_events).where(*mine)
    return rows, int((await connection.execute(total)).scalar_one())


def _weighed(
    query: Select[Any], order: Callable[[Any], UnaryExpression[Any]], limit: int, most_bytes: int
) -> Select[Any]:
    """The first rows of refused events by id, without `raw` where all before come to that much."""
    r = rejected_events.c
    size = func.octet_length(r.raw)
    before = (func.sum(size).over(order_by=order(r.rejection_id)) - size).label("bytes_before")
    first = query.add_columns(before).order_by(order(r.rejection_id)).limit(limit).subquery().c
    raw = case((first.bytes_before < most_bytes, first.raw)).label("raw")
    columns = [raw if column.name == "raw" else column for column in first]
    return select(*columns).order_by(order(first.rejection_id))


async def delete_rejected(
    connection: AsyncConnection, org_id: UUID, rejection_ids: Sequence[UUID]
) -> None:
    """Take refused events off the list."""
    r = rejected_events.c
    await connection.execute(
        delete(rejected_events).where(r.org_id == org_id, r.rejection_id.in_(rejection_ids))
    )

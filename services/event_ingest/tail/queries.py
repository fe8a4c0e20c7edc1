"""The SQL of the tail: batches in the order of their commits, and their events by key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, RowMapping, Uuid, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.event_ingest.events.queries import select_matching
from services.event_ingest.events.rules import EventFilter
from shared import ids
from shared.schema.events import event_log, events

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HORIZON = func.app.log_horizon()


class Log(NamedTuple):
    """A piece of the log."""

    batches: Sequence[tuple[int, Sequence[UUID]]]
    logged_at: datetime
    """Of the first of them; now, where there are none."""


async def select_log(connection: AsyncConnection, org_id: UUID, after: int, limit: int) -> Log:
    """Committed batches after a position, oldest first.

    A transaction that still runs holds the horizon back: what it commits must not be passed by.
    """
    log = event_log.c
    query = (
        select(log.position, log.event_ids, log.logged_at)
        .where(log.org_id == org_id, log.position > after, log.position < _HORIZON)
        .order_by(log.position)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    logged_at = rows[0][2] if rows else datetime.now(UTC)
    return Log([(row[0], row[1]) for row in rows], logged_at)


async def select_last_position(connection: AsyncConnection, org_id: UUID) -> int:
    """The last batch of which no earlier one can follow; 0 when there is none."""
    log = event_log.c
    query = select(func.max(log.position)).where(log.org_id == org_id, log.position < _HORIZON)
    return (await connection.execute(query)).scalar_one_or_none() or 0


async def select_oldest_position(
    connection: AsyncConnection, org_id: UUID, since: datetime
) -> int | None:
    """The oldest batch in the log that was written since then."""
    log = event_log.c
    query = select(func.min(log.position)).where(log.org_id == org_id, log.logged_at >= since)
    oldest: int | None = (await connection.execute(query)).scalar_one_or_none()
    return oldest


async def select_events_by_id(
    connection: AsyncConnection, org_id: UUID, event_ids: Sequence[UUID], *, where: EventFilter
) -> dict[UUID, RowMapping]:
    """The events of these ids that match and still exist."""
    places = [_EPOCH + timedelta(milliseconds=ids.place_ms(one.bytes)) for one in event_ids]
    keys = (
        func.unnest(
            cast(places, ARRAY(DateTime(timezone=True))), cast(list(event_ids), ARRAY(Uuid))
        )
        .table_valued("id_time", "event_id")
        .render_derived()
    )
    query = select_matching(org_id, where).where(
        events.c.id_time == keys.c.id_time, events.c.event_id == keys.c.event_id
    )
    rows = (await connection.execute(query)).mappings().all()
    return {row["event_id"]: row for row in rows}

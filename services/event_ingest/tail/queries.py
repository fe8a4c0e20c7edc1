"""The SQL of the tail: the events of the log by key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, RowMapping, Uuid, cast, func
from sqlalchemy.ext.asyncio import AsyncConnection

from services.event_ingest.events.queries import select_matching
from services.event_ingest.events.rules import EventFilter
from shared import ids
from shared.schema.events import events

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

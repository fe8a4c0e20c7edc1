"""The SQL of a watch: changes of insights in the order of their commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.insight.watching.rules import Change
from shared.schema.insights import insight_changes

_C = insight_changes.c
_HORIZON = func.app.log_horizon()


async def select_changes(
    connection: AsyncConnection, org_id: UUID, after: int, limit: int
) -> tuple[Sequence[Change], datetime | None]:
    """Changes after a position, oldest first, and when the first was written.

    A transaction that still runs holds the horizon back: what it commits must not be passed by.
    """
    query = (
        select(_C.position, _C.insight_ids, _C.logged_at)
        .where(_C.org_id == org_id, _C.position > after, _C.position < _HORIZON)
        .order_by(_C.position)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    return [(row[0], row[1]) for row in rows], rows[0][2] if rows else None


async def select_last_position(connection: AsyncConnection, org_id: UUID) -> int:
    """The last change that no earlier one can follow; 0 when there is none."""
    query = select(func.max(_C.position)).where(_C.org_id == org_id, _C.position < _HORIZON)
    return (await connection.execute(query)).scalar_one_or_none() or 0


async def select_oldest_position(
    connection: AsyncConnection, org_id: UUID, since: datetime
) -> int | None:
    """The oldest change that was written since then."""
    query = select(func.min(_C.position)).where(_C.org_id == org_id, _C.logged_at >= since)
    oldest: int | None = (await connection.execute(query)).scalar_one_or_none()
    return oldest

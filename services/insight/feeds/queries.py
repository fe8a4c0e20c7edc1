"""The SQL of feeds."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, and_, exists, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.insight.detection.rules.vocabulary import Subject, SubjectKind
from services.insight.feeds.rules import (
    CONTEXT_SIZE,
    TIER_SIZE,
    TIER_TYPES,
    Delivery,
    Feed,
    state_of,
)
from services.insight.insights.rules import stored
from services.insight.insights.rules.life import STANDING, Insight
from shared.schema.insights import feed_deliveries, insights, webhook_endpoints
from shared.schema.outbox import outbox

_I, _D, _O = insights.c, feed_deliveries.c, outbox.c
# Those of one run were all seen at the same moment: then the worst first.
_LATEST_FIRST = (_I.last_seen_at.desc(), _I.severity.desc(), _I.weight.desc(), _I.insight_id)


async def select_latest(
    connection: AsyncConnection, org_id: UUID, subject: Subject | None
) -> list[Insight]:
    """The latest open insights of the subject and the organisation; of anybody for None."""
    whose = [] if subject is None else [_of(subject)]
    query = (
        select(insights)
        .where(_I.org_id == org_id, _I.state.in_(STANDING), *whose)
        .order_by(*_LATEST_FIRST)
        .limit(CONTEXT_SIZE)
    )
    return await _insights(connection, query)


async def select_for_tier_manager(
    connection: AsyncConnection, org_id: UUID, since: datetime
) -> list[Insight]:
    """Open insights that speak of tiers and were seen since."""
    query = (
        select(insights)
        .where(
            _I.org_id == org_id,
            _I.state.in_(STANDING),
            _I.insight_type.in_(TIER_TYPES),
            _I.last_seen_at >= since,
        )
        .order_by(*_LATEST_FIRST)
        .limit(TIER_SIZE)
    )
    return await _insights(connection, query)


async def select_endpoint_exists(connection: AsyncConnection, org_id: UUID, topic: str) -> bool:
    """Whether messages of the topic lead anywhere."""
    w = webhook_endpoints.c
    query = select(exists().where(w.org_id == org_id, w.topic == topic, ~w.disabled))
    return bool((await connection.execute(query)).scalar_one())


async def insert_delivery(
    connection: AsyncConnection, org_id: UUID, one: Delivery, message_id: UUID | None
) -> None:
    """Record what was handed out."""
    await connection.execute(
        insert(feed_deliveries).values(
            org_id=org_id,
            delivery_id=one.delivery_id,
            feed=one.feed,
            session_id=one.session_id,
            insight_ids=list(one.insight_ids),
            message_id=message_id,
            created_at=one.created_at,
            created_by=one.created_by,
        )
    )


async def select_deliveries(
    connection: AsyncConnection,
    org_id: UUID,
    feed: Feed | None,
    *,
    before: UUID | None,
    limit: int,
) -> list[Delivery]:
    """What was handed out, the latest first, with how each webhook stands."""
    chosen = [_D.org_id == org_id]
    if feed is not None:
        chosen.append(_D.feed == feed)
    if before is not None:
        chosen.append(_D.delivery_id < before)
    message = and_(_O.org_id == org_id, _O.message_id == _D.message_id)
    query = (
        select(
            feed_deliveries,
            _O.state,
            _O.attempts,
            _O.next_attempt_at,
            _O.finished_at,
            _O.last_status,
            _O.last_error,
        )
        .select_from(feed_deliveries.outerjoin(outbox, message))
        .where(*chosen)
        .order_by(_D.delivery_id.desc())
        .limit(limit)
    )
    return [_delivery(row) for row in (await connection.execute(query)).mappings()]


def _of(subject: Subject) -> ColumnElement[bool]:
    own = and_(_I.subject_kind == subject.kind, _I.subject_id == subject.id)
    return or_(own, _I.subject_kind == SubjectKind.ORGANISATION)


async def _insights(connection: AsyncConnection, query: Select[Any]) -> list[Insight]:
    return [stored.restored(row) for row in (await connection.execute(query)).mappings()]


def _delivery(row: RowMapping) -> Delivery:
    state = state_of(row["state"])
    waits = row["state"] is not None and row["finished_at"] is None
    return Delivery(
        delivery_id=row["delivery_id"],
        feed=Feed(row["feed"]),
        session_id=row["session_id"],
        insight_ids=row["insight_ids"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        state=state,
        attempts=row["attempts"] or 0,
        next_attempt_at=row["next_attempt_at"] if waits else None,
        finished_at=row["finished_at"],
        last_status=row["last_status"],
        last_error=row["last_error"] or "",
    )

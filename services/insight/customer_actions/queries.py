"""The SQL of customer actions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import DateTime, RowMapping, Uuid, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.insight.customer_actions.rules import Action, ActionFilter, Cursor
from shared.schema.insights import customer_actions

_A = customer_actions.c
_COLUMNS = [_A[name] for name in Action._fields]


async def insert_action(connection: AsyncConnection, org_id: UUID, action: Action) -> bool:
    """Keep an action; False when its id is taken."""
    statement = (
        insert(customer_actions)
        .values(org_id=org_id, **action._asdict())
        .on_conflict_do_nothing(index_elements=[_A.org_id, _A.action_id])
        .returning(_A.action_id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def select_action(
    connection: AsyncConnection, org_id: UUID, action_id: UUID
) -> Action | None:
    """The action of that id, when the caller may see it."""
    query = select(*_COLUMNS).where(_A.org_id == org_id, _A.action_id == action_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Action._make(row)


async def select_actions(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    where: ActionFilter,
    before: Cursor | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Actions by time and id, the latest first, after the place of `before`."""
    query = select(*_COLUMNS).where(_A.org_id == org_id)
    if where.user_id:
        query = query.where(_A.user_id == where.user_id)
    if where.client_id:
        query = query.where(_A.client_id == where.client_id)
    if before is not None:
        place = literal(before[0], DateTime(timezone=True)), literal(before[1], Uuid)
        query = query.where(tuple_(_A.occurred_at, _A.action_id) < tuple_(*place))
    query = query.order_by(_A.occurred_at.desc(), _A.action_id.desc()).limit(limit)
    return (await connection.execute(query)).mappings().all()

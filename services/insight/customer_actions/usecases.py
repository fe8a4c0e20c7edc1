"""Recording and listing actions, each in one transaction."""

from __future__ import annotations

from dataclasses import replace

from services.insight.customer_actions import queries, rules
from services.insight.customer_actions.errors import ActionConflict
from services.insight.customer_actions.rules import Action, ActionFilter, Cursor, Page
from shared.database import Database
from shared.identity.identity import Identity, Role


async def record_customer_action(database: Database, caller: Identity, action: Action) -> Action:
    """The action as it is kept: this one, or the same one of before. Raises ActionConflict."""
    rules.check(action)
    async with database.tenant_transaction(caller.tenant) as transaction:
        connection = transaction.connection
        if await queries.insert_action(connection, caller.org_id, action):
            return action
        stored = await queries.select_action(connection, caller.org_id, action.action_id)
    if stored is None or not rules.same(action, stored):  # None: a member does not see others'
        raise ActionConflict
    return stored


async def list_customer_actions(
    database: Database,
    caller: Identity,
    where: ActionFilter,
    *,
    before: Cursor | None,
    size: int,
) -> Page:
    """A page of actions, the latest first."""
    if caller.role is Role.MEMBER and not where.user_id:
        where = replace(where, user_id=caller.subject)  # it sees no other; an index finds these
    async with database.tenant_transaction(caller.tenant) as transaction:
        rows = await queries.select_actions(
            transaction.connection, caller.org_id, where=where, before=before, limit=size + 1
        )
    return Page(rows[:size], len(rows) > size)

"""Following the changes of insights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from uuid import UUID

from services.insight.insights.queries import select_matching
from services.insight.insights.rules.life import Insight, InsightFilter
from shared.database import Database
from shared.following import Log, Piece, Place, follow, has_more, latest, walk
from shared.identity.identity import Identity
from shared.schema.insights import insight_changes

CHANGES: Log[UUID] = Log(insight_changes, "insight_ids")


def watch_insights(
    database: Database,
    caller: Identity,
    where: InsightFilter,
    place: Place,
    stopping: asyncio.Event,
) -> AsyncIterator[Piece[Insight]]:
    """Insights as they change, as they are now. Raises StreamLifeEnded."""
    return follow(partial(_read_piece, database, caller, where), place, stopping)


async def _read_piece(
    database: Database, caller: Identity, where: InsightFilter, place: Place
) -> Piece[Insight]:
    async with database.tenant_transaction(caller.tenant) as transaction:
        connection, org_id = transaction.connection, caller.org_id
        changes, logged_at = await CHANGES.select_batches(connection, org_id, place.position)
        steps = latest(walk(changes, place))
        found = await select_matching(connection, org_id, [one for one, _ in steps], where=where)
        again = await CHANGES.select_changed_again(connection, org_id, changes, steps)
    shown = found.keys() - again
    insights = [(found[one], after) for one, after in steps if one in shown]
    # Without rows no further: after a crash Postgres gives ids again that nobody committed with.
    after = steps[-1][1] if steps else place
    return Piece(insights, after, has_more(changes, after), logged_at)

"""Reading insights: what GetInsight and ListInsights answer."""

from __future__ import annotations

from uuid import UUID

from services.insight.insights import queries
from services.insight.insights.errors import InsightNotFound
from services.insight.insights.rules.life import Cursor, Insight, InsightFilter, Page
from shared.database import Database
from shared.identity.identity import Identity


async def get_insight(database: Database, caller: Identity, insight_id: UUID) -> Insight:
    """The insight of that id. Raises InsightNotFound."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        found = await queries.select_insight(transaction.connection, caller.org_id, insight_id)
    if found is None:
        raise InsightNotFound(resource="insight")
    return found


async def list_insights(
    database: Database, caller: Identity, where: InsightFilter, *, after: Cursor | None, size: int
) -> Page:
    """A page of insights, the last seen first."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        found = await queries.select_insights(
            transaction.connection, caller.org_id, where=where, after=after, limit=size + 1
        )
    return Page(found[:size], len(found) > size)

"""Reading lists by state."""

from __future__ import annotations

from services.journey.journeys.rules.vocabulary import RiskLevel, Stage
from services.journey.standings import queries
from services.journey.standings.rules import Cursor, Page, Where, stretches
from shared.database import Database
from shared.identity.identity import Identity


async def list_high_risk_clients(
    database: Database, caller: Identity, where: Where, *, after: Cursor | None, size: int
) -> Page:
    """A page of clients as they stand: the highest level first, then the lowest score."""
    async with database.tenant_transaction(caller.tenant) as transaction:
        found = await queries.select_listed(
            transaction.connection,
            caller.org_id,
            stretches(where, after),
            owner=where.owner,
            limit=size + 1,
        )
    return Page(found[:size], len(found) > size)


async def list_upsell_candidates(
    database: Database, caller: Identity, owner: str, *, after: Cursor | None, size: int
) -> Page:
    """A page of those that are in stage upsell_candidate, in the same order."""
    where = Where(RiskLevel.LOW, Stage.UPSELL_CANDIDATE, owner)
    return await list_high_risk_clients(database, caller, where, after=after, size=size)

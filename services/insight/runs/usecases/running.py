"""One run of one organisation, as the worker makes it."""

from __future__ import annotations

from uuid import UUID

from services.insight.insights.rules.life import Cause, Generated, Wanted
from services.insight.insights.usecases import generate
from services.insight.runs import queries
from shared.database import Database, Tenant
from shared.identity.identity import Role


async def run(database: Database, org_id: UUID, cause: Cause) -> Generated | None:
    """All detectors over the whole organisation as of now; None when there is no such any more."""
    tenant = Tenant(org_id, Role.SERVICE.value)
    async with database.raw_transaction(tenant) as raw:
        if not await queries.select_exists(raw, org_id):
            return None
    return await generate(database, tenant, Wanted(cause=cause))

"""Jobs as a person sees them, at the desk of whoever operates."""

from __future__ import annotations

from services.insight.runs import queries
from services.insight.runs.queries import Job
from shared.database import Database

_LISTED = 1_000


async def list_jobs(database: Database, *, only_dead: bool = False) -> list[Job]:
    """What waits, runs or is dead, the oldest first; a thousand at most."""
    async with database.across_tenants() as raw:
        return await queries.select_jobs(raw, only_dead=only_dead, limit=_LISTED)


async def revive_jobs(database: Database, job_id: int | None = None) -> int:
    """Let a dead job, or all of them, begin anew with all their tries; how many there were."""
    async with database.across_tenants() as raw:
        return await queries.update_revived(raw, job_id)

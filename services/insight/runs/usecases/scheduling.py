"""The schedule: looking for organisations that are due, and putting their runs in the queue."""

from __future__ import annotations

from services.insight.insights.rules.life import Cause
from services.insight.runs import queries, rules
from shared.database import Database

_DEAD_KEPT_DAYS = 30


async def schedule(database: Database, across: Database, every_seconds: float) -> int:
    """Put a run of everyone who is due; how many were put.

    `across` is the maintenance login, which sees every organisation.
    """
    async with database.across_tenants() as raw:
        running = await queries.select_running(raw)  # before: what ends now has its run to show
    async with across.across_tenants() as raw:
        standings = await queries.select_standings(raw)
    async with database.across_tenants() as raw:
        await queries.delete_forgotten(raw, _DEAD_KEPT_DAYS)
        failed_ago = await queries.select_failures(raw)
        resting = [one for one in standings if one.org_id not in running]
        due = rules.due(resting, failed_ago, every_seconds)
        return await queries.insert_jobs(raw, Cause.SCHEDULE, dict.fromkeys(due, 0.0))

"""How well actions work, set-based over outcomes and their tallies."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from services.journey.catalogue.usecases import read_settings
from services.journey.learning import queries
from services.journey.learning.rules import making, report
from services.journey.learning.rules.policy import Policy, learns
from services.journey.learning.rules.report import Report
from shared.database import Database
from shared.identity.identity import Identity


async def get_action_report(
    database: Database, caller: Identity, days: int, now: datetime
) -> Report:
    """The report of so many days (UTC), today's included."""
    first = now.date() - timedelta(days=days - 1)
    since, org_id = datetime.combine(first, time(), UTC), caller.org_id
    async with database.turn(org_id), database.raw_transaction(caller.tenant) as raw:
        settings = (await read_settings(raw, org_id)).learning
        made = await queries.select_policy(raw, org_id)
        sums = await queries.select_sums(raw, org_id, first)
        weighed = await queries.select_weighed(raw, org_id, since)
        clients = await queries.select_clients(raw, org_id, since)
        known = await queries.select_outcomes(raw, org_id, making.counted_since(now.date()))
    policy = made.policy if made else Policy()
    return Report(
        actions=report.by_action(sums),
        uplift=report.uplift(sums),
        off_policy=report.off_policy(weighed),
        held_out_share=clients.held_out / clients.all if clients.all else 0.0,
        learnt=report.learnt(policy, settings),
        learning=learns(policy, settings),
        policy_version=policy.version,
        missing_outcomes=max(0, settings.min_outcomes - known),
    )

"""Making new versions of policies soon after outcomes, for whoever has some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.learning import queries
from services.journey.learning.rules import making
from services.journey.learning.rules.making import Verdict
from shared.database import Database, RawConnection, Tenant
from shared.identity.identity import Role

_LOOK_BACK_SECONDS = 120.0
"""Longer than a transaction may last: none commits so long after it took its time."""


class Learner:
    """Knows what it has seen of whom. Any number may learn: what one has made, the others leave.

    Nothing of it is kept: one that begins looks at everyone once.
    """

    def __init__(self, database: Database, across: Database) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._seen: dict[UUID, Decimal] | None = None

    async def learn(self) -> int:
        """Make a version for each organisation that has news; how many were made."""
        now = datetime.now(UTC)
        back = None if self._seen is None else _LOOK_BACK_SECONDS
        async with self._across.across_tenants() as raw:
            traces = await queries.select_traces(raw, back)
        seen, made = self._seen or {}, 0
        settled: dict[UUID, Decimal] = {}
        for org_id, trace in traces:
            if seen.get(org_id) == trace:
                settled[org_id] = trace
                continue
            async with self._database.raw_transaction(Tenant(org_id, Role.SERVICE.value)) as raw:
                verdict = await _learn(raw, org_id, now)
            made += verdict is Verdict.NEW
            if verdict is Verdict.SAME:  # else another look says that nothing is left
                settled[org_id] = trace
        self._seen = settled
        return made


async def _learn(raw: RawConnection, org_id: UUID, now: datetime) -> Verdict:
    """Make a version if what came since the newest is worth one."""
    half_life_days = (await read_settings(raw, org_id)).learning.half_life_days
    before = await queries.select_policy(raw, org_id)
    tallies = await queries.select_tallies(
        raw,
        org_id,
        since=making.counted_since(now.date()),
        today=now.date(),
        half_life_days=half_life_days,
    )
    after = making.policy_of(before.policy.version + 1 if before else 1, tallies)
    verdict = making.verdict(before, after, now, half_life_days)
    if verdict is Verdict.NEW and await queries.insert_policy(raw, org_id, after, now):
        kept_since = now - timedelta(days=making.POLICY_KEPT_DAYS)
        await queries.delete_replaced(raw, org_id, kept_since)
    return verdict

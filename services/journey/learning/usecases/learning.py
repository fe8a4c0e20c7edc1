"""Making new versions of policies soon after outcomes, for whoever has some."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.learning import queries
from services.journey.learning.rules import making
from services.journey.learning.rules.making import Verdict
from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant
from shared.identity.identity import Role

_LOOK_BACK_SECONDS = 120.0
"""Longer than a transaction may last: none commits so long after it took its time."""


_PAUSE = timedelta(seconds=10)
"""Until an organisation that had too little news is looked at again, be there more or not."""


class Learner:
    """Knows what it has seen of whom. Any number may learn: what one has made, the others leave.

    Nothing of it is kept: one that begins looks at everyone once.
    """

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._clock = clock
        self._seen: dict[UUID, Decimal] | None = None
        self._pauses: dict[UUID, datetime] = {}

    async def learn(self) -> int:
        """Make a version for each organisation that has news; how many were made."""
        now, seen = self._clock.now(), self._seen or {}
        async with self._across.across_tenants() as raw:
            back = None if self._seen is None else _LOOK_BACK_SECONDS
            traces = dict(await queries.select_traces(raw, back))
        settled = {one: trace for one, trace in traces.items() if seen.get(one) == trace}
        due = [one for one in traces if one not in settled and one not in self._pauses]
        due += [one for one, until in self._pauses.items() if until <= now]
        made = 0
        for org_id in due:
            async with self._database.raw_transaction(Tenant(org_id, Role.SERVICE.value)) as raw:
                verdict = await _learn(raw, org_id, now)
            self._pauses.pop(org_id, None)
            if verdict is Verdict.LATER:
                self._pauses[org_id] = now + _PAUSE
            elif verdict is Verdict.SAME and org_id in traces:  # of NEW another look says so
                settled[org_id] = traces[org_id]
            made += verdict is Verdict.NEW
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

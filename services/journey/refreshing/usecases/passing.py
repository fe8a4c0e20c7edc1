"""Clients whose standing changes as time passes, without any event."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import restate_held
from services.journey.refreshing import queries
from services.journey.refreshing.usecases.turns import Turns
from shared.clock import Clock
from shared.database import Database, Tenant

WORKER = "service"
"""In the name of which role the worker works."""

_CLIENTS = 2_000
"""Of one transaction: enough to share its round trips, few enough that others take turns."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What one look at all organisations did."""

    clients: int
    behind_seconds: float
    """How long the first client had been due; 0 when there was none."""


class Passing:
    """Restates who is due, a piece for each organisation in turn. Any number may, at once."""

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._clock = clock
        self._turns = Turns("passing", clock)

    async def restate_due(self) -> Passed:
        """Restate some of everyone's clients whose time has come."""
        now = self._clock.now()
        async with self._across.across_tenants() as raw:
            due = await queries.select_due(raw, now)
        restated = [
            await self._turns.take(one.org_id, self._restate(one.org_id))
            for one in due
            if self._turns.may(one.org_id)
        ]
        behind = max(((now - one.since).total_seconds() for one in due), default=0.0)
        return Passed(sum(count or 0 for count in restated), behind)

    async def _restate(self, org_id: UUID) -> int:
        now = self._clock.now()
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            limit = self._turns.share(org_id, _CLIENTS)
            due = await queries.lock_due(raw, org_id, now, limit)
            if due:
                settings = await read_settings(raw, org_id)
                await restate_held(raw, org_id, due, to_micros(now), settings)
        return len(due)

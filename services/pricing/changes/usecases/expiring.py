"""Requests that nobody decided in time."""

from __future__ import annotations

from services.pricing.approvals import queries as approvals
from services.pricing.changes.queries import acting, due
from services.pricing.changes.rules.effects import DueRequests
from services.pricing.changes.usecases.recording import record_approvals
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database

_REQUESTS = 200
"""Of one transaction."""


class Expiring:
    """Lets requests expire. Any number may, at once."""

    def __init__(
        self, database: Database, across: Database, clock: Clock, *, rest_seconds: float = 1.0
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("expiring", clock, rest_seconds=rest_seconds)

    async def expire_due(self) -> int:
        """Let some of everyone's requests expire; how many did."""
        async with self._across.across_tenants() as raw:
            found = await due.select_expired(raw, self._turns.aside)
        return sum(await self._turns.all(found, self._expire))

    async def _expire(self, one: DueRequests) -> int:
        org_id = one.org_id
        async with self._database.raw_transaction(as_worker(org_id)) as raw:
            expired = await acting.update_expired(raw, org_id, _REQUESTS)
            await approvals.insert_changes(raw, org_id, expired)
            await record_approvals(raw, org_id, expired, "approval.expire")
        return len(expired)

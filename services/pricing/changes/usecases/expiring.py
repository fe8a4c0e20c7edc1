"""Requests that nobody decided in time."""

from __future__ import annotations

from uuid import UUID

from services.pricing.approvals import queries as approvals
from services.pricing.changes.queries import acting, due
from services.pricing.changes.usecases.recording import record_approvals
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database

_REQUESTS = 200
"""Of one transaction."""


class Expiring:
    """Lets requests expire. Any number may, at once."""

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("expiring", clock)

    async def expire_due(self) -> int:
        """Let some of everyone's requests expire; how many did."""
        async with self._across.across_tenants() as raw:
            found = await due.select_expired(raw, self._turns.aside)
        taken = [await self._turns.take(org_id, self._expire(org_id)) for org_id in found]
        return sum(count or 0 for count in taken)

    async def _expire(self, org_id: UUID) -> int:
        async with self._database.raw_transaction(as_worker(org_id)) as raw:
            expired = await acting.update_expired(raw, org_id, _REQUESTS)
            await approvals.insert_changes(raw, org_id, expired)
            await record_approvals(raw, org_id, expired, "approval.expire")
        return len(expired)

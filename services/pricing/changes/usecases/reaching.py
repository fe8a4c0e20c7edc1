"""Prices in force that reach subscribers: at once, or when the time of their notice has run."""

from __future__ import annotations

from services.pricing.changes.queries import acting, due
from services.pricing.changes.rules.effects import DueTier
from services.pricing.changes.usecases.recording import record
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database

_SUBSCRIPTIONS = 500
"""Of one transaction: each is named in the audit log."""


class Reaching:
    """Reaches subscribers, a piece of each tier in turn. Any number may, at once.

    How far a tier is through is not kept: another worker, or this one after a restart, begins anew
    and passes over those who were reached.
    """

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("reaching", clock)
        self._after: dict[DueTier, str] = {}

    async def reach_due(self) -> int:
        """Reach some of everyone's subscribers who are due; how many were."""
        async with self._across.across_tenants() as raw:
            found = await due.select_due_tiers(raw, self._turns.aside)
        self._after = {tier: after for tier, after in self._after.items() if tier in set(found)}
        taken = [await self._turns.take(tier.org_id, self._reach(tier)) for tier in found]
        return sum(count or 0 for count in taken)

    async def _reach(self, tier: DueTier) -> int:
        """The next piece. At the end it begins once more: what came in between is found so."""
        async with self._database.raw_transaction(as_worker(tier.org_id)) as raw:
            if not await acting.lock_work(raw, tier.org_id, tier.tier_id):
                return 0
            after = self._after.pop(tier, "")
            reached = await acting.insert_reached(raw, *tier, after, _SUBSCRIPTIONS)
            if reached:
                version = await acting.select_in_force(raw, *tier)
                details = {
                    "version": version,
                    "subscriptions": len(reached),
                    "subscription_ids": reached,
                }
                await record(raw, tier.org_id, "subscription_price.reach", tier.tier_id, details)
        if len(reached) == _SUBSCRIPTIONS:
            self._after[tier] = reached[-1]
        return len(reached)

"""Prices in force that reach subscribers: at once, or when the time of their notice has run."""

from __future__ import annotations

from services.pricing.changes.queries import acting, due, reaching
from services.pricing.changes.rules.effects import DueTier
from services.pricing.changes.usecases.recording import record
from services.pricing.changes.usecases.turns import Turns, as_worker
from shared.clock import Clock
from shared.database import Database, RawConnection

_SUBSCRIPTIONS = 500
"""Of one transaction: each is named in the audit log."""


class Reaching:
    """Reaches subscribers, a piece of each tier in turn. Any number may, at once.

    How far a tier is through is not kept: another worker, or this one after a restart, begins anew
    and passes over those who were reached.
    """

    def __init__(
        self, database: Database, across: Database, clock: Clock, *, rest_seconds: float = 1.0
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._turns = Turns("reaching", clock, rest_seconds=rest_seconds)
        self._after: dict[DueTier, str] = {}

    async def reach_due(self) -> int:
        """Reach some of everyone's subscribers who are due; how many were."""
        async with self._across.across_tenants() as raw:
            found = await due.select_due_tiers(raw, self._turns.aside)
        self._after = {tier: after for tier, after in self._after.items() if tier in set(found)}
        return sum(await self._turns.all(found, self._reach))

    async def _reach(self, tier: DueTier) -> int:
        """The next piece. At the end it begins once more: what came in between is found so."""
        async with self._database.raw_transaction(as_worker(tier.org_id)) as raw:
            if not await acting.lock_work(raw, tier.org_id, tier.tier_id):
                return 0
            after = self._after.pop(tier, "")
            call = await reaching.select_call(raw, tier)
            waiting = await reaching.select_waiting(raw, tier, after=after, limit=_SUBSCRIPTIONS)
            reached = await reaching.insert_reached(raw, tier, waiting) if waiting else {}
            if reached:
                await _record(raw, tier, reached)
            elif not waiting and not after:
                await reaching.update_reached(raw, tier, call)
        if len(waiting) == _SUBSCRIPTIONS:
            self._after[tier] = waiting[-1]
        return sum(len(ids) for ids in reached.values())


async def _record(raw: RawConnection, tier: DueTier, reached: dict[int, list[str]]) -> None:
    for version, ids in reached.items():
        details = {"version": version, "subscriptions": len(ids), "subscription_ids": ids}
        await record(raw, tier.org_id, "subscription_price.reach", tier.tier_id, details)

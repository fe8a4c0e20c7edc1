"""Clients that stand by old settings or norms, found by walks through all of an organisation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from services.journey.catalogue.usecases import read_settings
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.usecases import restate
from services.journey.refreshing import queries
from services.journey.refreshing.queries import Unsettled
from services.journey.refreshing.rules import Target, Walk
from services.journey.refreshing.usecases.passing import WORKER
from services.journey.refreshing.usecases.turns import Turns
from shared.clock import Clock
from shared.database import Database, RawConnection, Tenant

_CLIENTS = 2_000
_NORMS_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one step for each organisation did."""

    clients: int
    """Restated."""
    going_on: bool
    """Somewhere a walk is not at its end."""


class Settling:
    """Makes the norms of the day, and walks where they or the settings are new.

    Where a walk stands is not kept: another worker, or this one after a restart, begins anew and
    passes quickly over those that were restated.
    """

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._clock = clock
        self._turns = Turns("settling", clock)
        self._making = Turns("norms", clock)
        self._walks: dict[UUID, Walk] = {}

    async def settle(self) -> Settled:
        """Take a step for everyone whose clients may stand by what was before."""
        today = self._clock.now().astimezone(UTC).date()
        async with self._across.across_tenants() as raw:
            unsettled = await queries.select_unsettled(raw, today)
        for org_id in self._walks.keys() - {one.org_id for one in unsettled}:
            del self._walks[org_id]
        steps = [
            await self._turns.take(one.org_id, self._step(one, today))
            for one in unsettled
            if self._turns.may(one.org_id)
        ]
        taken = [step for step in steps if step is not None]
        clients = sum(step.clients for step in taken)
        return Settled(clients, any(step.going_on for step in taken))

    async def _step(self, one: Unsettled, today: date) -> Settled:
        if not one.has_norms:
            if self._making.may(one.org_id) and await self._making.take(
                one.org_id, self._make_norms(one.org_id, today)
            ):
                return Settled(0, going_on=True)  # they may be those of before
            if not one.has_new_settings:
                return Settled(0, going_on=False)
        now = to_micros(self._clock.now())
        target = Target(one.settings_version, today if one.has_norms else None)
        walk = self._walks.get(one.org_id)
        if walk is None or walk.target != target:
            walk = self._walks[one.org_id] = Walk(target, now)
        if not walk.goes_on(now):
            return Settled(0, going_on=False)
        return await self._walk(one.org_id, walk)

    async def _walk(self, org_id: UUID, walk: Walk) -> Settled:
        """Restate who is stale among the next clients.

        The target is written apart: whoever follows the log locks the cursor before the clients.
        """
        now = self._clock.now()
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            if not await queries.lock_walk(raw, org_id):
                return Settled(0, going_on=False)  # another worker walks here
            window = await queries.select_stale(
                raw,
                org_id,
                walk.target.settings_version,
                from_micros(walk.known_at),
                after=walk.after,
                limit=self._turns.share(org_id, _CLIENTS),
            )
            if window.stale:
                settings = await read_settings(raw, org_id)
                await restate(raw, org_id, window.stale, to_micros(now), settings)
        if not window.full and walk.counts:
            await self._keep(org_id, walk.target)
        walk.after, walk.at_its_end = window.last, not window.full
        return Settled(len(window.stale), window.full)

    async def _keep(self, org_id: UUID, target: Target) -> None:
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            await queries.upsert_target(raw, org_id, target)

    async def _make_norms(self, org_id: UUID, day: date) -> bool:
        """Done, by whomever."""
        until = datetime.combine(day, time(), UTC)
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            before = await queries.select_norms_before(raw, org_id, day)
            made, p75 = await queries.insert_norms(raw, org_id, day, until)
            await queries.delete_norms(raw, org_id, day - _NORMS_KEPT)
            nothing_new = made and await _nothing_new(raw, org_id, before, p75)
        if nothing_new:
            await self._keep(org_id, Target(0, day))
        return True


async def _nothing_new(
    raw: RawConnection, org_id: UUID, before: tuple[date, float | None] | None, p75: float | None
) -> bool:
    """Whether all clients stand by these norms already."""
    if before is None:
        return p75 is None
    return before[1] == p75 and await queries.select_norms_day(raw, org_id) == before[0]

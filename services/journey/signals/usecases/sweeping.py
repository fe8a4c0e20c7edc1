"""Asking insight about all clients of everyone, over and over, and about new ones soon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from itertools import count
from uuid import UUID

from prometheus_client import CollectorRegistry

from services.journey.insight import Asking
from services.journey.refreshing.usecases.turns import Turns
from services.journey.signals import queries
from services.journey.signals.errors import InsightFails, InsightRefuses
from services.journey.signals.rules.sweeps import PAGE, Known, Standing, due, pause_seconds
from services.journey.signals.usecases.fetching import WORKER, Fetching
from services.journey.signals.usecases.numbers import Swept
from shared.clock import Clock
from shared.database import Database, Tenant
from shared.working import Step

_LOG = logging.getLogger("footfall.signals")
_LOOK_EVERY_SECONDS = 1.0
_REFUSALS_BORNE = 10
_LOGGED = 50
"""Transactions of the log that are looked at in one go."""


class Sweeps:
    """Keeps signals fresh. Any number may: an organisation that one has begun the others leave.

    While insight is away signals stay what they are and get older; it is told once, and asked again
    after pauses that grow.
    """

    def __init__(
        self,
        database: Database,
        across: Database,
        insight: Asking,
        clock: Clock,
        registry: CollectorRegistry,
        *,
        every_seconds: float,
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._fetching = Fetching(database, insight, clock)
        self._clock = clock
        self._every_seconds = every_seconds
        self._turns = Turns("signals", clock)
        self._numbers = Swept(registry)
        self._failures = 0
        self._not_before = 0.0
        self._seen: int | None = None
        """The last position of the log of changes that was looked at."""
        self._new: dict[UUID, set[str] | None] = {}
        """Clients that may be new, by organisation; None where there are too many to name."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What a worker does over and over; new clients do not wait for a sweep in hand."""
        return self.sweep, self.catch_up

    async def sweep(self) -> float:
        """Ask about all clients of those who are due."""
        async with self._across.across_tenants() as raw:
            standings = await queries.select_sweeps(raw)
        for one in due(standings, self._clock.now(), self._every_seconds):
            if self._may(one.org_id):
                await self._turns.take(one.org_id, self._sweep(one))
        return _LOOK_EVERY_SECONDS

    async def catch_up(self) -> float:
        """Ask about clients that were made since the last look."""
        more = await self._find()
        for org_id, named in list(self._new.items()):
            if self._may(org_id):
                await self._turns.take(org_id, self._catch_up(org_id, named))
        return 0.0 if more else _LOOK_EVERY_SECONDS

    async def _sweep(self, one: Standing) -> None:
        org_id, clients = one.org_id, 0
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            if not await queries.insert_try(raw, one, self._clock.now()):
                return
        try:
            async for known in self._pages(org_id, lacking=False):
                await self._fetch(org_id, known)
                clients += len(known)
        except (InsightFails, InsightRefuses) as error:
            self._failed(error)
            self._numbers.sweeps.labels("failed").inc()
            async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
                await queries.update_failed(raw, org_id, self._clock.now())
            return
        self._numbers.sweeps.labels("done").inc()
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            await queries.update_swept(raw, org_id, self._clock.now(), clients)

    async def _catch_up(self, org_id: UUID, named: set[str] | None) -> None:
        try:
            async for known in self._lacking(org_id, named):
                await self._fetch(org_id, known)
        except (InsightFails, InsightRefuses) as error:
            self._failed(error)
            self._new[org_id] = self._new.pop(org_id)  # the others first
        else:
            del self._new[org_id]

    async def _fetch(self, org_id: UUID, known: Sequence[Known]) -> None:
        for tried in count(1):
            try:
                await self._fetching.fetch(org_id, known)
                break
            except InsightRefuses:  # the organisation may call it so often only
                if tried == _REFUSALS_BORNE:
                    raise
                await asyncio.sleep(_LOOK_EVERY_SECONDS)
        self._succeeded()
        self._numbers.clients.inc(len(known))

    async def _find(self) -> bool:
        """Note who was made or changed since the last look; whether there may be more."""
        async with self._across.across_tenants() as raw:
            if self._seen is None:
                self._seen = await queries.select_end(raw)
                swept = [one for one in await queries.select_sweeps(raw) if one.swept_at]
                self._new = {one.org_id: None for one in swept}  # the others are due as a whole
                return False
            changed = await queries.select_changed(raw, self._seen, _LOGGED)
        for one in changed:
            named = self._new.setdefault(one.org_id, set())
            if named is not None:
                named.update(one.client_ids)
                if len(named) > PAGE:
                    self._new[one.org_id] = None
            self._seen = one.position
        return len(changed) == _LOGGED

    async def _lacking(self, org_id: UUID, named: set[str] | None) -> AsyncIterator[list[Known]]:
        if named is None:
            async for known in self._pages(org_id, lacking=True):
                yield known
            return
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            known = await queries.select_lacking(raw, org_id, sorted(named))
        if known:
            yield known

    async def _pages(self, org_id: UUID, *, lacking: bool) -> AsyncIterator[list[Known]]:
        """Clients of an organisation; a page at a time is held, and each is a sign of life."""
        after = ""
        while True:
            async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
                known = await queries.select_page(raw, org_id, after, PAGE, lacking=lacking)
                if not lacking:
                    await queries.update_try(raw, org_id, self._clock.now())
            if not known:
                return
            yield known
            after = known[-1].client_id

    def _may(self, org_id: UUID) -> bool:
        return self._clock.monotonic() >= self._not_before and self._turns.may(org_id)

    def _failed(self, error: Exception) -> None:
        if not self._failures:
            because = {"because": str(error)}
            _LOG.warning("insight fails: signals get older, it will be asked again", extra=because)
        self._failures += 1
        self._not_before = self._clock.monotonic() + pause_seconds(self._failures)

    def _succeeded(self) -> None:
        if self._failures:
            _LOG.info("insight answers again")
        self._failures = 0
        self._not_before = 0.0

"""Asking insight about all clients of everyone, over and over, and about new ones soon."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest
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
_REFUSALS_BORNE = 5
_LOGGED = 1_000
"""Transactions of the log that are looked at in one go."""
_SWEPT_AT_ONCE = 8
"""Organisations; few enough that each gives signs of life while it waits for its turn."""
_ROUNDS = 20
"""In one go; then a worker looks whether it should end."""


@dataclass(slots=True)
class _Place:
    """How far it got with an organisation."""

    after: str = ""
    refusals: int = 0
    """In a row."""
    not_before: float = 0.0


@dataclass(slots=True)
class _Sweep(_Place):
    """A sweep in hand."""

    tried_at: datetime | None = None
    """The last sign of life; ours, once it has begun."""
    clients: int = 0


@dataclass(slots=True)
class _New(_Place):
    """Clients that may be new."""

    named: set[str] = field(default_factory=set)
    all: bool = False
    """There were too many to name: all who lack signals are looked for, in order."""
    again: bool = False
    """Too many to name have come since that began."""

    def note(self, client_ids: Iterable[str]) -> None:
        """These, too."""
        self.named.update(client_ids)
        if len(self.named) > PAGE:
            self.named.clear()
            self.again = True

    def start(self) -> None:
        """Before a turn."""
        if self.again and not self.all:
            self.all, self.again, self.after = True, False, ""

    def end(self, names: Iterable[str], known: Sequence[Known]) -> None:
        """After a turn: these were looked for by name, those were found."""
        self.named.difference_update(names)
        if self.all:
            self.all = len(known) == PAGE
            self.after = known[-1].client_id if known else ""

    @property
    def done(self) -> bool:
        """Whether nobody is left."""
        return not (self.named or self.all or self.again)


class Sweeps:
    """Keeps signals fresh. Any number may: an organisation that one has begun the others leave.

    Organisations take turns, a page of clients each: none waits until a large one is done.
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
        self._new: dict[UUID, _New] = {}
        self._swept: dict[UUID, _Sweep] = {}

    @property
    def steps(self) -> tuple[Step, ...]:
        """What a worker does over and over; new clients do not wait for a sweep in hand."""
        return self.sweep, self.catch_up

    async def sweep(self) -> float:
        """Ask about all clients of those who are due."""
        async with self._across.across_tenants() as raw:
            standings = await queries.select_sweeps(raw)
        waiting = iter(due(standings, self._clock.now(), self._every_seconds))
        for _ in range(_ROUNDS):
            self._begin(waiting)
            ready = [org_id for org_id, one in self._swept.items() if self._may(org_id, one)]
            for org_id in ready:
                await self._sweep_turn(org_id, self._swept[org_id])
            if not ready:
                return _LOOK_EVERY_SECONDS
        return 0.0

    async def catch_up(self) -> float:
        """Ask about clients that were made since the last look."""
        for _ in range(_ROUNDS):
            more = await self._find()
            ready = [org_id for org_id, one in self._new.items() if self._may(org_id, one)]
            for org_id in ready:
                await self._catch_up_turn(org_id, self._new[org_id])
            if not ready and not more:
                return _LOOK_EVERY_SECONDS
        return 0.0

    def _begin(self, waiting: Iterator[Standing]) -> None:
        while len(self._swept) < _SWEPT_AT_ONCE and (one := next(waiting, None)) is not None:
            if one.org_id not in self._swept and self._turns.may(one.org_id):
                self._swept[one.org_id] = _Sweep(tried_at=one.tried_at)

    async def _sweep_turn(self, org_id: UUID, one: _Sweep) -> None:
        if self._may(org_id, one) and not await self._turns.take(org_id, self._sweep(org_id, one)):
            del self._swept[org_id]

    async def _sweep(self, org_id: UUID, one: _Sweep) -> bool:
        """A page of its clients; whether there is more to do."""
        now = self._clock.now()
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            if not await queries.insert_try(raw, org_id, one.tried_at, now):
                return False
            known = await queries.select_page(raw, org_id, one.after, PAGE, lacking=False)
        one.tried_at = now
        try:
            await self._fetch(org_id, known, one)
        except InsightRefuses:
            if one.refusals < _REFUSALS_BORNE:
                return True
            return await self._end_sweep(org_id, one, failed=True)
        except InsightFails as error:
            self._failed(error)
            return await self._end_sweep(org_id, one, failed=True)
        one.clients += len(known)
        if len(known) == PAGE:
            one.after = known[-1].client_id
            return True
        return await self._end_sweep(org_id, one, failed=False)

    async def _end_sweep(self, org_id: UUID, one: _Sweep, *, failed: bool) -> bool:
        """Nothing more to do for now."""
        self._numbers.sweeps.labels("failed" if failed else "done").inc()
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            if failed:
                await queries.update_failed(raw, org_id, self._clock.now())
            else:
                await queries.update_swept(raw, org_id, self._clock.now(), one.clients)
        return False

    async def _catch_up_turn(self, org_id: UUID, one: _New) -> None:
        if self._may(org_id, one):
            await self._turns.take(org_id, self._catch_up(org_id, one))
            if one.done:
                del self._new[org_id]

    async def _catch_up(self, org_id: UUID, one: _New) -> None:
        """A page of its new clients."""
        one.start()
        names = [] if one.all else nsmallest(PAGE, one.named)
        async with self._database.raw_transaction(Tenant(org_id, WORKER)) as raw:
            if one.all:
                known = await queries.select_page(raw, org_id, one.after, PAGE, lacking=True)
            else:
                known = await queries.select_lacking(raw, org_id, names)
        try:
            await self._fetch(org_id, known, one)
        except InsightFails as error:
            self._failed(error)
            self._new[org_id] = self._new.pop(org_id)  # the others first
        except InsightRefuses:
            pass
        else:
            one.end(names, known)

    async def _fetch(self, org_id: UUID, known: Sequence[Known], place: _Place) -> None:
        """Ask about them; a refusal, for it may ask so often only, postpones it and nobody else."""
        if not known:
            return
        try:
            await self._fetching.fetch(org_id, known)
        except InsightRefuses:
            place.refusals += 1
            place.not_before = self._clock.monotonic() + pause_seconds(place.refusals)
            raise
        place.refusals = 0
        self._succeeded()
        self._numbers.clients.inc(len(known))

    async def _find(self) -> bool:
        """Note who was made or changed since the last look; whether there may be more."""
        async with self._across.across_tenants() as raw:
            if self._seen is None:
                self._seen = await queries.select_end(raw)
                swept = [one for one in await queries.select_sweeps(raw) if one.swept_at]
                self._new = {one.org_id: _New(again=True) for one in swept}
                return False  # the others are due as a whole
            changed = await queries.select_changed(raw, self._seen, _LOGGED)
        for one in changed:
            self._new.setdefault(one.org_id, _New()).note(one.client_ids)
            self._seen = one.position
        return len(changed) == _LOGGED

    def _may(self, org_id: UUID, place: _Place) -> bool:
        now = self._clock.monotonic()
        return now >= max(self._not_before, place.not_before) and self._turns.may(org_id)

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

"""What a worker does over and over with price changes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from services.pricing.changes.usecases.applying import Applying
from services.pricing.changes.usecases.expiring import Expiring
from services.pricing.changes.usecases.numbers import Numbers
from services.pricing.changes.usecases.reaching import Reaching
from services.pricing.changes.usecases.reviewing import Reviewing
from shared.clock import Clock
from shared.database import Database
from shared.working import Step

_LOOK_EVERY_SECONDS = 1.0
_REVIEW_EVERY_SECONDS = 30.0

_FOUND = {True: "within", False: "outside", None: "not_judged"}


class Effects:
    """The steps; each says how long there is nothing more to do."""

    def __init__(
        self, database: Database, across: Database, clock: Clock, registry: CollectorRegistry
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        rest = _LOOK_EVERY_SECONDS
        self._applying = Applying(database, across, clock, rest_seconds=rest)
        self._expiring = Expiring(database, across, clock, rest_seconds=rest)
        self._reaching = Reaching(database, across, clock, rest_seconds=rest)
        self._reviewing = Reviewing(database, across, clock, rest_seconds=_REVIEW_EVERY_SECONDS)
        self._numbers = Numbers(registry)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Side by side: while one reaches many subscribers, the others go on."""
        return self.apply_due, self.reach_due, self.expire_due, self.review_due

    async def apply_due(self) -> float:
        """Apply changes whose time has come."""
        applied = await self._applying.apply_due()
        for change in applied.changes:
            self._numbers.applied.labels(change.state.name).inc()
        self._numbers.due.set(applied.found)
        self._numbers.behind.set(applied.behind_seconds)
        return 0.0 if applied.changes else _LOOK_EVERY_SECONDS

    async def reach_due(self) -> float:
        """Let prices in force reach subscribers."""
        reached = await self._reaching.reach_due()
        self._numbers.reached.inc(reached)
        return 0.0 if reached else _LOOK_EVERY_SECONDS

    async def expire_due(self) -> float:
        """Let requests expire that nobody decided."""
        expired = await self._expiring.expire_due()
        self._numbers.expired.inc(expired)
        return 0.0 if expired else _LOOK_EVERY_SECONDS

    async def review_due(self) -> float:
        """Compare what was predicted with what came."""
        made = await self._reviewing.review_due()
        for review in made:
            self._numbers.reviews.labels(_FOUND[review.within]).inc()
        return 0.0 if made else _REVIEW_EVERY_SECONDS

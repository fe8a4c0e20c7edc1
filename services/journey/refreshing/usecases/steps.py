"""What a worker does over and over to keep clients as they should stand."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from services.journey.refreshing.usecases.adopting import Adoption
from services.journey.refreshing.usecases.following import Follower
from services.journey.refreshing.usecases.numbers import Numbers
from services.journey.refreshing.usecases.passing import Passing
from services.journey.refreshing.usecases.settling import Settling
from shared.clock import Clock
from shared.database import Database
from shared.working import Step

_LOOK_EVERY_SECONDS = 1.0
_FOLLOW_EVERY_SECONDS = 0.5


class Refreshing:
    """The steps; each says how long there is nothing more to do."""

    def __init__(
        self, database: Database, across: Database, clock: Clock, registry: CollectorRegistry
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._passing = Passing(database, across, clock)
        self._settling = Settling(database, across, clock)
        self._follower = Follower(database, across, clock)
        self._adoption = Adoption(database, across, clock)
        self._numbers = Numbers(registry)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Time passes in two lanes: while one waits for Postgres the other evaluates rules."""
        return self.restate_due, self.restate_due, self.settle, self.follow, self.adopt

    async def restate_due(self) -> float:
        """Restate clients whose time has come."""
        passed = await self._passing.restate_due()
        self._numbers.restated.labels("time").inc(passed.clients)
        self._numbers.behind.set(passed.behind_seconds)
        return 0.0 if passed.clients else _LOOK_EVERY_SECONDS

    async def settle(self) -> float:
        """Restate clients that stand by old settings or norms."""
        settled = await self._settling.settle()
        self._numbers.restated.labels("settings").inc(settled.clients)
        return 0.0 if settled.going_on else _LOOK_EVERY_SECONDS

    async def follow(self) -> float:
        """Store ingested events that count in journeys."""
        followed = await self._follower.follow()
        self._numbers.ingested.inc(followed.events)
        self._numbers.lag.set(followed.lag_seconds)
        return 0.0 if followed.pieces else _FOLLOW_EVERY_SECONDS

    async def adopt(self) -> float:
        """Look for what was ingested of clients before they were made known."""
        adopted = await self._adoption.adopt()
        self._numbers.adopted.inc(adopted.clients)
        return 0.0 if adopted.going_on else _LOOK_EVERY_SECONDS

"""Following the log of all organisations, each in its turn."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from services.event_ingest.sessions import queries
from services.event_ingest.sessions.usecases.folding import Fold, HeldElsewhere, fold
from shared.clock import Clock
from shared.database import Database
from shared.errors import DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.sessions")
_AFTER_FAILURE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What one look at all organisations did."""

    events: int
    lag_seconds: float
    """How long the oldest of them had waited; 0 when there were none."""


class Follower:
    """Knows which organisations have something to fold, without reading the log again and again.

    `across` is the maintenance login, which sees every organisation; `database` writes for one.
    """

    def __init__(self, database: Database, across: Database, clock: Clock) -> None:
        self._database = database
        self._across = across
        self._clock = clock
        self._seen: int | None = None
        """The last position of the log that was looked at. One that is there, for after a crash
        Postgres gives ids again that nobody had committed with."""
        self._behind: dict[UUID, float] = {}
        """Each with the time before which it is not tried again."""

    async def follow(self) -> Progress:
        """Fold a piece of the log of everyone who is behind.

        What fails for one organisation is logged, left for later and stops no other; only a
        database that is away is raised.
        """
        await self._find()
        now = self._clock.monotonic()
        folds = [
            await self._fold(org_id)
            for org_id, not_before in list(self._behind.items())
            if not_before <= now
        ]
        done = [fold for fold in folds if fold is not None]
        waited = [(self._clock.now() - fold.logged_at).total_seconds() for fold in done]
        return Progress(sum(fold.events for fold in done), max(waited, default=0.0))

    async def _find(self) -> None:
        """At first everyone whose log goes on after the cursor, then whoever has written since."""
        async with self._across.across_tenants() as raw:
            if self._seen is None:
                seen = await queries.select_end(raw)
                found: Collection[UUID] = await queries.select_organisations_behind(raw)
            else:
                logged = await queries.select_organisations_logged(raw, self._seen)
                seen, found = max(logged.values(), default=self._seen), logged.keys()
        self._seen = seen
        for org_id in found:
            self._behind.setdefault(org_id, 0.0)

    async def _fold(self, org_id: UUID) -> Fold | None:
        try:
            folded = await fold(self._database, org_id)
        except HeldElsewhere:
            return None  # that worker may die: look again
        except Exception as error:
            if isinstance(domain_error(error), DatabaseAway | Overloaded):
                raise
            _LOG.exception("sessions not folded", extra={"org": str(org_id)})
            self._behind[org_id] = self._clock.monotonic() + _AFTER_FAILURE_SECONDS
            return None
        if folded is None:
            del self._behind[org_id]
        return folded

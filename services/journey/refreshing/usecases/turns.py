"""Organisations in their turn."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TypeVar
from uuid import UUID

from shared.clock import Clock
from shared.errors import DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.refreshing")
_AFTER_FAILURE_SECONDS = 10.0
_MOST_HALVINGS = 12

Done = TypeVar("Done")


class Turns:
    """What fails for one organisation is logged, left for later, and stops no other."""

    def __init__(self, work: str, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._not_before: dict[UUID, float] = {}
        self._halvings: dict[UUID, int] = {}

    def may(self, org_id: UUID) -> bool:
        """Whether its turn may come again."""
        not_before = self._not_before.get(org_id)
        if not_before is not None and not_before <= self._clock.monotonic():
            del self._not_before[org_id]
            return True
        return not_before is None

    def share(self, org_id: UUID, whole: int) -> int:
        """How much to do in its turn: half as much after each failure, twice after a success."""
        return max(1, whole >> self._halvings.get(org_id, 0))

    async def take(self, org_id: UUID, step: Awaitable[Done]) -> Done | None:
        """Its turn; None when that failed. Only a database that is away is raised."""
        try:
            done = await step
        except Exception as error:
            if isinstance(domain_error(error), DatabaseAway | Overloaded):
                raise
            about = {"work": self._work, "org": str(org_id)}
            _LOG.exception("failed, will be tried again", extra=about)
            self._not_before[org_id] = self._clock.monotonic() + _AFTER_FAILURE_SECONDS
            self._halvings[org_id] = min(self._halvings.get(org_id, 0) + 1, _MOST_HALVINGS)
            return None
        halvings = self._halvings.pop(org_id, 0)
        if halvings > 1:
            self._halvings[org_id] = halvings - 1
        return done

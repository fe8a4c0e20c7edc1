"""Organisations in their turn."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import TypeVar
from uuid import UUID

from shared.clock import Clock
from shared.database import Tenant
from shared.errors import ConcurrentChange, DatabaseAway, DeadlinePassed, Overloaded
from shared.identity.identity import Role
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.price_changes")
_AFTER_FAILURE_SECONDS = 10.0
_AFTER_A_CROWD_SECONDS = 1.0
"""Others held what it needed."""

WORKER = "pricing"
"""Whom the audit log names where nobody asked."""

Done = TypeVar("Done")


class Turns:
    """What fails for one organisation is logged, left for later, and stops no other."""

    def __init__(self, work: str, clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._not_before: dict[UUID, float] = {}

    @property
    def aside(self) -> frozenset[UUID]:
        """Whose turn may not come yet."""
        now = self._clock.monotonic()
        self._not_before = {org: at for org, at in self._not_before.items() if at > now}
        return frozenset(self._not_before)

    async def take(self, org_id: UUID, step: Awaitable[Done]) -> Done | None:
        """Its turn; None when that failed. Only a database that is away is raised."""
        try:
            return await step
        except Exception as error:
            meaning = domain_error(error)
            if isinstance(meaning, DatabaseAway | Overloaded):
                raise
            about = {"work": self._work, "org": str(org_id)}
            _LOG.exception("failed, will be tried again", extra=about)
            crowded = isinstance(meaning, ConcurrentChange | DeadlinePassed)
            pause = _AFTER_A_CROWD_SECONDS if crowded else _AFTER_FAILURE_SECONDS
            self._not_before[org_id] = self._clock.monotonic() + pause
            return None


def as_worker(org_id: UUID) -> Tenant:
    """For whom the worker's transactions work."""
    return Tenant(org_id, Role.SERVICE.value)

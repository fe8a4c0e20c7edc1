"""Organisations in their turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeVar
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
_LONGEST_PAUSE_SECONDS = 300.0

AT_ONCE = 3
"""So many organisations have their turn side by side."""

WORKER = "pricing"
"""Whom the audit log names where nobody asked."""

Done = TypeVar("Done")


class Due(Protocol):
    """Something to do for an organisation."""

    @property
    def org_id(self) -> UUID:
        """Whose it is."""


Piece = TypeVar("Piece", bound=Due)


class _Aside(NamedTuple):
    """An organisation for which something failed."""

    until: float
    pause: float


class Turns:
    """What fails for one organisation is logged, left for later, and stops no other."""

    def __init__(self, work: str, clock: Clock, *, rest_seconds: float) -> None:
        """Who failed is passed over by the next look at least, which comes after `rest_seconds`."""
        self._work = work
        self._clock = clock
        self._rest_seconds = rest_seconds
        self._aside: dict[UUID, _Aside] = {}

    @property
    def aside(self) -> frozenset[UUID]:
        """Whose turn may not come yet."""
        now = self._clock.monotonic()
        forgotten = now - 2 * _LONGEST_PAUSE_SECONDS
        self._aside = {org: one for org, one in self._aside.items() if one.until > forgotten}
        return frozenset(org for org, one in self._aside.items() if one.until > now)

    async def all(
        self, pieces: Sequence[Piece], step: Callable[[Piece], Awaitable[Done | None]]
    ) -> list[Done]:
        """What comes of the pieces, in their order, which holds for those of one organisation."""
        lines: dict[UUID, list[int]] = {}
        for place, piece in enumerate(pieces):
            lines.setdefault(piece.org_id, []).append(place)
        done: dict[int, Done] = {}

        async def serve(waiting: Iterable[list[int]]) -> None:
            for place in (place for line in waiting for place in line):
                came = await self.take(pieces[place].org_id, partial(step, pieces[place]))
                if came is not None:
                    done[place] = came

        waiting = iter(lines.values())
        ends = await asyncio.gather(
            *(serve(waiting) for _ in range(AT_ONCE)), return_exceptions=True
        )
        for end in ends:
            if end is not None:
                raise end
        return [done[place] for place in sorted(done)]

    async def take(self, org_id: UUID, step: Callable[[], Awaitable[Done]]) -> Done | None:
        """Its turn; None when it is put aside. Only a database that is away is raised."""
        if org_id in self.aside:
            return None
        try:
            done = await step()
        except Exception as error:
            meaning = domain_error(error)
            if isinstance(meaning, DatabaseAway | Overloaded):
                raise
            _LOG.exception(
                "failed, will be tried again", extra={"work": self._work, "org": str(org_id)}
            )
            self._put_aside(org_id, meaning)
            return None
        self._aside.pop(org_id, None)
        return done

    def _put_aside(self, org_id: UUID, meaning: Exception | None) -> None:
        """For longer each time."""
        crowded = isinstance(meaning, ConcurrentChange | DeadlinePassed)
        first = _AFTER_A_CROWD_SECONDS if crowded else _AFTER_FAILURE_SECONDS
        before = self._aside.get(org_id)
        pause = max(first, self._rest_seconds, 2 * before.pause if before else 0.0)
        pause = max(self._rest_seconds, min(pause, _LONGEST_PAUSE_SECONDS))
        self._aside[org_id] = _Aside(self._clock.monotonic() + pause, pause)


def as_worker(org_id: UUID) -> Tenant:
    """For whom the worker's transactions work."""
    return Tenant(org_id, Role.SERVICE.value)

"""Runs soon after events that matter, found in the commit log of all organisations."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from services.insight.insights.rules.life import Cause
from services.insight.runs import queries, rules
from shared.database import Database, RawConnection


class Follower:
    """Knows how far it has looked. Any number may look: what one has put, the others leave.

    Nothing of it is kept: one that begins takes everyone who has news, and what it overlooks for
    having died the schedule finds.
    """

    def __init__(
        self, database: Database, across: Database, *, soon_seconds: float, rest_seconds: float
    ) -> None:
        """`across` is the maintenance login, which sees every organisation."""
        self._database = database
        self._across = across
        self._soon = soon_seconds
        self._rest = rest_seconds
        self._seen: int | None = None
        """The last position of the log that was looked at: one that is there."""

    async def follow(self) -> int:
        """Put a run of everyone to whom something happened that matters; how many were put."""
        async with self._across.across_tenants() as raw:
            seen, after = await self._find(raw)
        put = 0
        if after:
            async with self._database.across_tenants() as raw:
                put = await queries.insert_jobs(raw, Cause.EVENTS, after)
        self._seen = seen
        return put

    async def _find(self, raw: RawConnection) -> tuple[int, Mapping[UUID, float]]:
        if self._seen is None:
            seen = await queries.select_end(raw)
            standings = await queries.select_standings(raw)
            return seen, {one.org_id: self._wait(one.run_ago) for one in standings if one.has_news}
        logged = await queries.select_logged(raw, self._seen)
        seen = max((one.position for one in logged), default=self._seen)
        return seen, {one.org_id: self._wait(one.run_ago) for one in logged if one.matters}

    def _wait(self, run_ago: float | None) -> float:
        return rules.wait(run_ago, self._soon, self._rest)

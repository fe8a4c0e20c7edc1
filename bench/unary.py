"""Pairs of runs of unary calls: IngestEvent, durable, against the no-op of the same server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench import ground, h2load
from bench.claim import WrongCount
from bench.ground import Base
from bench.h2load import INGEST_EVENT, Fired
from bench.program import Program
from bench.served import PATH as DO_NOTHING


@dataclass
class Unary:
    """A server under unary load, and how many events it should hold by now."""

    base: Base
    server: Program
    sent: int = 0

    async def durable(self, calls: int, in_flight: int) -> Fired:
        fired = await self._fire(INGEST_EVENT, calls, in_flight)
        self.sent += calls
        return fired

    async def no_op(self, calls: int, in_flight: int) -> Fired:
        return await self._fire(DO_NOTHING, calls, in_flight)

    async def _fire(self, path: str, calls: int, in_flight: int) -> Fired:
        return await h2load.fire(
            self.server, path, key=self.base.key, calls=calls, in_flight=in_flight
        )

    def checked(self) -> str:
        """That what was acknowledged is there; raises when it is not."""
        rows = self.base.rows()
        if rows != self.sent:
            raise WrongCount(f"{self.sent} calls were answered, {rows} events are stored")
        return f"{rows:,} rows = calls"


@asynccontextmanager
async def unary() -> AsyncIterator[Unary]:
    h2load.require()
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        ground.serving(base) as server,
    ):
        yield Unary(base, server)

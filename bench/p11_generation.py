"""P11: GenerateInsights of one organisation, with ten million raw events against 100,000.

Two databases with a service each. The same users did the same things in the same hours, a hundred
times as often: both sides look at the same subjects and find the same, or there is no figure.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from grpc import aio

from bench import ground, history
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base, Ground
from bench.history import History
from bench.pairs import interleaved
from bench.program import started
from footfall.insights.v1 import insight_requests_pb2 as pb
from footfall.insights.v1.insight_service_pb2_grpc import InsightServiceStub

_TOLD = History(users=250, days=40, acts=10)
_PORTS = {"FOOTFALL_INSIGHT_PORT": "0", "FOOTFALL_INSIGHT_METRICS_PORT": "0"}
_PATIENCE_SECONDS = 60.0
_RUNS = 3


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    times = (effort.rows or (10_000_000 if effort.full else 1_000_000)) // _TOLD.events
    async with (
        ground.prepared() as prepared,
        _asking(prepared, times) as many,
        _asking(prepared, 1) as few,
    ):
        ratio = await interleaved(many.seconds, few.seconds)
        yield Finding(
            f"GenerateInsights, {many.rows:,} raw events / {few.rows:,}",
            ratio.times(1000), "ms/run", 1.2, 1.05, _compared(many, few), lower_is_better=True,
        )  # fmt: skip


class _Asker:
    """A backend that asks for runs."""

    def __init__(self, base: Base, stub: Any, rows: int) -> None:
        self.base = base
        self.rows = rows
        self.found: pb.GenerateInsightsResponse = pb.GenerateInsightsResponse()
        self._stub = stub
        self._metadata = (("authorization", f"Bearer {base.key}"),)

    async def seconds(self) -> float:
        """How long a run takes."""
        began = time.perf_counter()
        for _ in range(_RUNS):
            self.found = await self._stub.GenerateInsights(
                pb.GenerateInsightsRequest(), metadata=self._metadata, timeout=_PATIENCE_SECONDS
            )
            if not (self.found.kept and self.found.complete):
                raise WrongCount("a run was not kept, or did not count everything")
        return (time.perf_counter() - began) / _RUNS

    @property
    def totals(self) -> Mapping[int, int]:
        """How many insights stand, by type."""
        return {one.insight_type: one.count for one in self.found.totals}


@asynccontextmanager
async def _asking(prepared: Ground, times: int) -> AsyncIterator[_Asker]:
    async with prepared.base() as base:
        rows = await history.tell(base, _TOLD, times)
        async with (
            started("services.insight", {**base.environ, **_PORTS}) as server,
            aio.insecure_channel(server.address) as channel,
        ):
            yield _Asker(base, InsightServiceStub(channel), rows)


def _compared(many: _Asker, few: _Asker) -> str:
    """That both have the same roll-ups by number and found the same; raises when not."""
    sides = [(history.rolled_up(one.base), one.found.subjects, one.totals) for one in (many, few)]
    if sides[0] != sides[1]:
        raise WrongCount(f"the sides differ: {sides[0]} and {sides[1]}")
    rows, subjects, totals = sides[0]
    return f"both: {subjects} subjects, {sum(totals.values())} insights, {sum(rows):,} counters"


CLAIM = Claim("p11", "Generating insights, with many raw events against few", measure)

"""P1: a durable IngestEvent against a no-op of the same server, 256 in flight, calls per second."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bench.claim import Claim, Effort, Finding
from bench.pairs import interleaved
from bench.unary import unary

_IN_FLIGHT = 256


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    calls = 40_000 if effort.full else 15_000
    async with unary() as load:

        async def durable() -> float:
            return (await load.durable(calls, _IN_FLIGHT)).per_second

        async def no_op() -> float:
            return (await load.no_op(calls, _IN_FLIGHT)).per_second

        ratio = await interleaved(durable, no_op)
        yield Finding(
            "durable IngestEvent / no-op, 256 in flight", ratio, "calls/s", 0.65, 0.85,
            load.checked(),
        )  # fmt: skip


CLAIM = Claim("p1", "Durable calls against no-ops, 256 in flight", measure)

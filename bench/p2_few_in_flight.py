"""P2: the same as P1 with 32 calls in flight, and with one, where a commit's fsync is the floor."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bench.claim import Claim, Effort, Finding
from bench.pairs import Ratio, interleaved
from bench.unary import Unary, unary


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    async with unary() as load:
        ratio = await _compared(load, 32, 30_000 if effort.full else 10_000)
        yield Finding(
            "durable IngestEvent / no-op, 32 in flight", ratio, "calls/s", 0.45, 0.60,
            load.checked(),
        )  # fmt: skip
        ratio = await _compared(load, 1, 3000 if effort.full else 1000)
        yield Finding(
            "durable IngestEvent / no-op, 1 in flight", ratio, "calls/s", 0.14, 0.20,
            load.checked(),
        )  # fmt: skip


async def _compared(load: Unary, in_flight: int, calls: int) -> Ratio:
    async def durable() -> float:
        return (await load.durable(calls, in_flight)).per_second

    async def no_op() -> float:
        return (await load.no_op(calls, in_flight)).per_second

    return await interleaved(durable, no_op)


CLAIM = Claim("p2", "Durable calls against no-ops, 32 and 1 in flight", measure)

"""P3: the server's CPU for a durable IngestEvent against that for a no-op, 256 in flight."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bench.claim import Claim, Effort, Finding
from bench.pairs import interleaved
from bench.unary import unary

_IN_FLIGHT = 256


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    calls = 40_000 if effort.full else 10_000
    async with unary() as load:

        async def durable() -> float:
            return (await load.durable(calls, _IN_FLIGHT)).cpu_us

        async def no_op() -> float:
            return (await load.no_op(calls, _IN_FLIGHT)).cpu_us

        ratio = await interleaved(durable, no_op)
        yield Finding(
            "server CPU of a durable IngestEvent / of a no-op", ratio, "µs/call", 1.4, 1.15,
            load.checked(), lower_is_better=True,
        )  # fmt: skip


CLAIM = Claim("p3", "CPU of a durable call against that of a no-op", measure)

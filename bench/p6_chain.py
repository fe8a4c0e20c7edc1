"""P6: CPU of a no-op behind the whole chain against the same handler with no chain at all.

Both are served by one process, from two ports; both decode the request and encode the answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from bench import h2load
from bench.claim import Claim, Effort, Finding
from bench.pairs import interleaved
from bench.served import PATH
from bench.unary import unary

_IN_FLIGHT = 64


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    calls = 40_000 if effort.full else 12_000
    async with unary() as load:

        async def chain() -> float:
            return (await load.no_op(calls, _IN_FLIGHT)).cpu_us

        async def bare() -> float:
            fired = await h2load.fire(
                load.server, PATH, key=load.base.key, calls=calls, in_flight=_IN_FLIGHT,
                address=load.server.bare_address,
            )  # fmt: skip
            return fired.cpu_us

        ratio = await interleaved(chain, bare)
        answered = load.server.answered(PATH)
        yield Finding(
            "CPU of a no-op behind the chain / of a bare handler", ratio, "µs/call", 1.6, 1.3,
            f"{answered:,} OK by the server's own count", lower_is_better=True,
        )  # fmt: skip


CLAIM = Claim("p6", "The chain of concerns against a bare handler", measure)

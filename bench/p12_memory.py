"""P12: resident memory of the service after ten minutes of full load against after one minute.

Full load is 128 single events in flight and batches of 500 beside them, without a pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from bench import ground, h2load
from bench.batches import Sender, batch, sending
from bench.claim import Claim, Effort, Finding
from bench.ground import Base
from bench.h2load import INGEST_EVENT
from bench.pairs import Ratio
from bench.program import Program

_CALLS = 5000
_MEGA = 1 << 20


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    h2load.require()
    early, late = (60, 600) if effort.full else (20, 80)
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        ground.serving(base) as server,
        sending(base, server) as sender,
    ):
        async with asyncio.TaskGroup() as tasks:
            loads = [tasks.create_task(_calls(base, server)), tasks.create_task(_batches(sender))]
            await asyncio.sleep(early)
            before = server.resident_bytes() / _MEGA
            await asyncio.sleep(late - early)
            after = server.resident_bytes() / _MEGA
            for load in loads:
                load.cancel()
        grown = after / before
        yield Finding(
            f"resident memory after {late} s of full load / after {early} s",
            Ratio(after, before, grown, grown, grown, 1), "MiB", 1.1, 1.02,
            f"{base.rows():,} rows stored meanwhile", lower_is_better=True,
            notes=[] if effort.full else ["quick: the claim is 600 s against 60 s"],
        )  # fmt: skip


async def _calls(base: Base, server: Program) -> None:
    while True:
        await h2load.fire(server, INGEST_EVENT, key=base.key, calls=_CALLS, in_flight=128)


async def _batches(sender: Sender) -> None:
    while True:
        # Making them takes this process a second: not on the loop.
        await sender.send(await asyncio.to_thread(lambda: [batch() for _ in range(20)]))


CLAIM = Claim("p12", "Memory under full load, late against early", measure)

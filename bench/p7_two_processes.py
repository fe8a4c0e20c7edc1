"""P7: two ingest processes on one port (SO_REUSEPORT) against one, 256 in flight, calls per second.

The kernel spreads connections, not calls, so there are sixteen of them on both sides.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator

from bench import ground, h2load
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.h2load import INGEST_EVENT
from bench.pairs import interleaved
from bench.program import Program

_IN_FLIGHT, _CONNECTIONS = 256, 16


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    h2load.require()
    calls = 40_000 if effort.full else 15_000
    shared_port = {
        "FOOTFALL_SO_REUSEPORT": "true",
        "FOOTFALL_EVENT_INGEST_PORT": str(_free_port()),
    }
    async with (
        ground.prepared() as prepared,
        prepared.base() as base,
        ground.serving(base) as alone,
        ground.serving(base, **shared_port) as first,
        ground.serving(base, **shared_port) as second,
    ):
        sent = 0

        async def fire(server: Program) -> float:
            nonlocal sent
            fired = await h2load.fire(
                server, INGEST_EVENT, key=base.key, calls=calls, in_flight=_IN_FLIGHT,
                connections=_CONNECTIONS,
            )  # fmt: skip
            sent += calls
            return fired.per_second

        ratio = await interleaved(lambda: fire(first), lambda: fire(alone))
        shares = [server.answered(INGEST_EVENT) for server in (first, second)]
        rows = base.rows()
        if rows != sent:
            raise WrongCount(f"{sent} calls were answered, {rows} events are stored")
        yield Finding(
            "two processes on one port / one, 256 in flight", ratio, "calls/s", 1.2, 1.6,
            f"{rows:,} rows = calls",
            notes=[
                f"the two answered {shares[0]:,} and {shares[1]:,}",
                f"{os.cpu_count()} cores, shared with Postgres and h2load",
            ],
        )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


CLAIM = Claim("p7", "Two processes on one port against one", measure)

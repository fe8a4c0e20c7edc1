"""P10: GetNextBestAction against a SELECT 1 RPC, with 1, 16, 32 and 256 in flight.

Both go through the same chain of one process, and ask the database once, by the same door. Every
client has a journey behind it, three risks and fresh signals: three actions are recommended, with
their evidence, and the decision is signed. Then many clients against a thousand, asked about in no
order.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from grpc import aio

from bench import ground, h2load
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base, Ground
from bench.h2load import Fired
from bench.pairs import compared, interleaved
from bench.program import Program, started
from bench.select_one import PATH as SELECT_ONE
from footfall.journey.v1 import actions_pb2 as pb

PATH = "/footfall.journey.v1.JourneyService/GetNextBestAction"
_PORTS = {"FOOTFALL_JOURNEY_PORT": "0", "FOOTFALL_JOURNEY_METRICS_PORT": "0"}
_FEW = 1000
_CHUNK = 100_000
_PAIRS = 5
_IN_TURN, _CALLS_IN_TURN = 16, 3000

# As GetNextBestAction finds a client after forty events in a year.
_FACTS = """jsonb_build_object('events', 40, 'first_at', at - 365 * day,
  'newest', (SELECT jsonb_agg(at - (20 + 5 * n) * day) FROM generate_series(0, 19) AS n),
  'last_id', '01890a5d-ac96-774b-bcce-b302099a8057', 'stage', 3, 'stage_at', at - 60 * day,
  'negatives', jsonb_build_array(at - 20 * day, 0, at - 30 * day, 0, 0, 0, 0, 0, 0, 0),
  'milestone_at', at - 90 * day, 'overdue', jsonb_build_object('invoice-7', at - 40 * day),
  'openings', jsonb_build_array(jsonb_build_array(at - 50 * day, 'ticket-7')),
  'open_tickets', '{{}}'::jsonb, 'pending_at', NULL)"""
_FILL = (
    """INSERT INTO app.clients SELECT '{org}', 'client-' || n, 'Client ' || n, '', 60, 'active',
      'owner', '{{}}', '', false, 'smb', 1, now() - interval '1 year', now(), true
    FROM generate_series({first}, {last}) AS n""",
    f"""INSERT INTO app.client_states SELECT '{{org}}', 'client-' || n, {_FACTS}, '[]', 3,
      now() - interval '60 days', 40, 3, '[]', now() - interval '20 days', now(), NULL, 0
    FROM generate_series({{first}}, {{last}}) AS n, (SELECT 86400000000 AS day,
      floor(extract(epoch FROM now()) * 1000000)::bigint AS at) AS here""",
    """INSERT INTO app.client_signals SELECT '{org}', 'client-' || n, 40, 20, 50, 50, '{{}}', now()
    FROM generate_series({first}, {last}) AS n""",
)  # fmt: skip
_SETTLE = (
    "VACUUM (FREEZE, ANALYZE) app.clients, app.client_states, app.client_signals",
    "CHECKPOINT",
)


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    h2load.require()
    many = effort.rows or (1_000_000 if effort.full else 100_000)
    async with ground.prepared() as prepared, _asked(prepared, _FEW) as few:
        for in_flight, calls in ((1, 1000), (16, 4000), (32, 4000), (256, 4000)):
            async for finding in few.against_select_one(
                in_flight, calls * (4 if effort.full else 1)
            ):
                yield finding
        async with _asked(prepared, many) as others:
            ratio = await interleaved(others.seconds, few.seconds)
            yield Finding(
                f"GetNextBestAction, {many:,} clients / {_FEW:,}, {_IN_TURN} in flight",
                ratio.times(1e6), "µs/call", 1.2, 1.05, f"{few.checked()}; {others.checked()}",
                lower_is_better=True,
            )  # fmt: skip


@dataclass
class _Asked:
    """A service whose organisation has so many clients."""

    base: Base
    server: Program
    clients: int
    answered: int = 0

    async def against_select_one(self, in_flight: int, calls: int) -> AsyncIterator[Finding]:
        """How many calls a second, and how long the slowest of a hundred takes at least."""
        found = [await self._pair(in_flight, calls) for _ in range(_PAIRS + 1)][1:]
        checked = self.checked()
        rates = compared([(ours.per_second, theirs.per_second) for ours, theirs in found])
        slowest = compared([(ours.p99_ms, theirs.p99_ms) for ours, theirs in found])
        yield Finding(
            f"GetNextBestAction / a SELECT 1 RPC, {in_flight} in flight", rates, "calls/s",
            0.6, 0.85, checked,
        )  # fmt: skip
        yield Finding(
            f"the same, the 99th percentile of time, {in_flight} in flight", slowest, "ms",
            3, 1.5, checked, lower_is_better=True,
        )  # fmt: skip

    async def seconds(self) -> float:
        """Per call, of clients in no order: each is asked about once or twice, if at all."""
        bodies = [_question(random.randint(1, self.clients)) for _ in range(_CALLS_IN_TURN)]
        metadata = (("authorization", f"Bearer {self.base.key}"),)
        async with aio.insecure_channel(self.server.address) as channel:
            ask: Any = channel.unary_unary(PATH)  # bytes in, bytes out: the answer is not read

            async def one_by_one() -> None:
                while bodies:
                    await ask(bodies.pop(), metadata=metadata, timeout=10.0)

            began = time.perf_counter()
            await asyncio.gather(*(one_by_one() for _ in range(_IN_TURN)))
            took = time.perf_counter() - began
        self.answered += _CALLS_IN_TURN
        return took / _CALLS_IN_TURN

    async def _pair(self, in_flight: int, calls: int) -> tuple[Fired, Fired]:
        ours = await self._fire(PATH, in_flight, calls)
        self.answered += calls
        return ours, await self._fire(SELECT_ONE, in_flight, calls)

    async def _fire(self, path: str, in_flight: int, calls: int) -> Fired:
        return await h2load.fire(
            self.server, path, key=self.base.key, calls=calls, in_flight=in_flight,
            message=_question(7),
        )  # fmt: skip

    def checked(self) -> str:
        """That all were answered with OK, by the server's own count."""
        if (answered := self.server.answered(PATH)) != self.answered:
            raise WrongCount(f"{self.answered} calls were made, {answered} answered with OK")
        return f"{answered:,} OK by the server's own count"


@asynccontextmanager
async def _asked(prepared: Ground, clients: int) -> AsyncIterator[_Asked]:
    async with (
        prepared.base() as base,
        started("bench.served_journey", {**base.environ, **_PORTS}) as server,
    ):
        for first in range(1, clients + 1, _CHUNK):
            span = {"org": base.org_id, "first": first, "last": min(first + _CHUNK - 1, clients)}
            base.administer(*(statement.format(**span) for statement in _FILL))
        base.administer(*_SETTLE)
        yield _Asked(base, server, clients)


def _question(client: int) -> bytes:
    return pb.GetNextBestActionRequest(client_id=f"client-{client}").SerializeToString()


CLAIM = Claim("p10", "The next best action against a bare question to the database", measure)

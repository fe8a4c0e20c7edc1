"""P16: restating all clients of an organisation as time passes, with many of them against 10,000.

It is what the worker does when their time has come, in as many lanes, in batches of its size: read
what is kept, evaluate the rules, write where they stand. Then a worker of its own goes through all
of the many once more, because the settings changed, and its memory is looked at.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench import ground
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base, Ground
from bench.pairs import Ratio, interleaved
from bench.program import Program, started
from services.journey.refreshing.usecases import Passing
from shared.clock import SystemClock
from shared.database import Database

_FEW = 10_000
_CHUNK = 100_000
_LANES = 2
_PAIRS = 5
_MEGA = 1 << 20
_PATIENCE_SECONDS = 600.0
_PORTS = {"FOOTFALL_JOURNEY_WORKER_METRICS_PORT": "0", "FOOTFALL_INSIGHT_ADDRESS": "127.0.0.1:1"}

# Forty events in a year, the newest some days ago or weeks: some clients turn, most do not.
_FACTS = """jsonb_build_object('events', 40, 'first_at', at - 365 * day,
  'newest', (SELECT jsonb_agg(at - (n % 45 + 5 * k) * day) FROM generate_series(0, 19) AS k),
  'last_id', '01890a5d-ac96-774b-bcce-b302099a8057', 'stage', 1 + n % 9,
  'stage_at', at - (n % 80) * day,
  'negatives', jsonb_build_array(at - 20 * day, 0, (n % 3 = 0)::int * (at - 30 * day), 0, 0, 0, 0,
    0, 0, 0),
  'milestone_at', at - (n % 30) * day,
  'overdue', CASE WHEN n % 5 = 0 THEN jsonb_build_object('invoice-7', at - 40 * day)
    ELSE '{{}}'::jsonb END,
  'openings', jsonb_build_array(jsonb_build_array(at - (n % 20) * day, 'ticket-7')),
  'open_tickets', '{{}}'::jsonb, 'pending_at', NULL)"""
_FILL = (
    """INSERT INTO app.clients SELECT '{org}', 'client-' || n, 'Client ' || n, '', 60, 'active',
      'owner', '{{}}', '', false, 'smb', 1, now() - interval '1 year', now(), true
    FROM generate_series({first}, {last}) AS n""",
    f"""INSERT INTO app.client_states SELECT '{{org}}', 'client-' || n, {_FACTS}, '[]', 3,
      now() - interval '60 days', 40, 3, '[]', now() - interval '20 days', now(), now(), 0
    FROM generate_series({{first}}, {{last}}) AS n, (SELECT 86400000000 AS day,
      floor(extract(epoch FROM now()) * 1000000)::bigint AS at) AS here""",
    """INSERT INTO app.client_signals SELECT '{org}', 'client-' || n, n % 40, 20, 50, 50, '{{}}',
      now() FROM generate_series({first}, {last}) AS n""",
)  # fmt: skip
_DUE = """UPDATE app.client_states SET next_check_at = now()
  WHERE client_id IN (SELECT 'client-' || n FROM generate_series({first}, {last}) AS n)"""
_SETTLE = (
    "VACUUM (ANALYZE) app.clients, app.client_states, app.client_signals",
    "CHECKPOINT",
)
_CHANGE = """INSERT INTO app.journey_settings SELECT '{org}', 1, '{{}}', 'bench', now()"""


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    gc.freeze()
    gc.set_threshold(25_000, 20, 20)  # as programs do
    many = effort.rows or (1_000_000 if effort.full else 100_000)
    async with (
        ground.prepared() as prepared,
        _refreshed(prepared, many) as ours,
        _refreshed(prepared, _FEW) as few,
    ):
        ratio = await interleaved(ours.rate, few.rate, pairs=_PAIRS if not effort.full else 3)
        yield Finding(
            f"clients restated a second, {many:,} clients / {_FEW:,}", ratio, "clients/s",
            0.8, 0.95, f"{ours.restated:,} and {few.restated:,} restated, none is due",
        )  # fmt: skip
        yield await ours.memory()


@dataclass
class _Refreshed:
    """An organisation with so many clients, and who restates them."""

    base: Base
    passing: Passing
    clients: int
    restated: int = 0

    async def rate(self) -> float:
        """Clients a second, when all are due."""
        for first in range(1, self.clients + 1, _CHUNK):
            last = min(first + _CHUNK - 1, self.clients)
            self.base.administer(_DUE.format(first=first, last=last))
        self.base.administer(*_SETTLE)
        began = time.perf_counter()
        found = await asyncio.gather(*(self._lane() for _ in range(_LANES)))
        took = time.perf_counter() - began
        if sum(found) != self.clients:
            raise WrongCount(f"{sum(found)} of {self.clients} clients were restated")
        self.restated += sum(found)
        return self.clients / took

    async def _lane(self) -> int:
        clients = 0
        while restated := (await self.passing.restate_due()).clients:
            clients += restated
        return clients

    async def memory(self) -> Finding:
        """Of a worker that restates all, after the last of them against after the first tenth."""
        self.base.administer(_CHANGE.format(org=self.base.org_id))
        began = time.perf_counter()
        async with started("services.journey.worker", {**self.base.environ, **_PORTS}) as worker:
            early = await self._resident(worker, self.clients // 10)
            late = await self._resident(worker, self.clients)
        grown = late / early
        rate = self.clients / (time.perf_counter() - began)
        return Finding(
            f"resident memory of the worker after {self.clients:,} clients / after a tenth",
            Ratio(late, early, grown, grown, grown, 1), "MiB", 1.1, 1.02,
            f"all have the new settings, {rate:,.0f} clients/s with the start",
            lower_is_better=True,
        )  # fmt: skip

    async def _resident(self, worker: Program, clients: int) -> float:
        """Once so many have the new settings."""
        query = "SELECT count(*) >= %s FROM app.client_states WHERE settings_version = 1"
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not self.base.execute(query, clients)[0][0]:  # noqa: ASYNC110 - a look costs
                await asyncio.sleep(0.5)
        return worker.resident_bytes() / _MEGA


@asynccontextmanager
async def _refreshed(prepared: Ground, clients: int) -> AsyncIterator[_Refreshed]:
    async with prepared.base() as base:
        for first in range(1, clients + 1, _CHUNK):
            span = {"org": base.org_id, "first": first, "last": min(first + _CHUNK - 1, clients)}
            base.administer(*(statement.format(**span) for statement in _FILL))
        base.administer(*_SETTLE)
        database = Database(base.urls["footfall_journey"], application_name="bench")
        across = Database(base.urls["footfall_maintenance"], application_name="bench", size=2)
        await asyncio.gather(database.open(), across.open())
        try:
            yield _Refreshed(base, Passing(database, across, SystemClock()), clients)
        finally:
            await asyncio.gather(database.close(), across.close())


CLAIM = Claim("p16", "Restating all clients of an organisation", measure)

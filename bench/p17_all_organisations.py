"""P17: runs of all organisations, a thousand of them with ten million events, against a hundred.

The worker as it is deployed, started anew for each: it finds who is due and runs their detectors,
some at once, each time for the first time. Time is that from the first run to the last by the
number of runs, memory the most that the process ever held.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import ground, history
from bench.claim import Claim, Effort, Finding, WrongCount
from bench.ground import Base, Ground
from bench.history import History
from bench.pairs import compared, interleaved
from bench.program import started
from shared.clock import SystemClock
from shared.identity.administration import organisations
from shared.identity.administration.desk import open_desk
from shared.identity.administration.organisations import OrganisationSettings
from shared.schema import logins

_TOLD = History(users=25, days=40, acts=10)
_PAIRS = 3
_PATIENCE_SECONDS = 1200
_MEGA = 1 << 20
_PORT = {"FOOTFALL_INSIGHT_WORKER_METRICS_PORT": "0"}
_RAN = """SELECT count(*), count(DISTINCT org_id), sum(subjects), sum(found),
  extract(epoch FROM max(finished_at) - min(started_at))::float8 FROM app.insight_runs"""
_FORGET = """TRUNCATE app.insight_runs, app.insights, app.insight_changes,
  jobs.procrastinate_jobs, jobs.procrastinate_periodic_defers CASCADE"""


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    count = 1000 if effort.full else 100
    async with (
        ground.prepared() as prepared,
        _peopled(prepared, count) as many,
        _peopled(prepared, count // 10) as few,
    ):
        ratio = await interleaved(many.seconds, few.seconds, pairs=_PAIRS)
        sizes = f"{many.organisations:,} / {few.organisations:,}"
        checked = f"{many.rows:,} / {few.rows:,} events; {many.told} / {few.told}"
        yield Finding(
            f"all organisations, time of a run, {sizes} of them", ratio.times(1000), "ms/run",
            1.2, 1.05, checked, lower_is_better=True,
        )  # fmt: skip
        pairs = list(zip(many.peaks, few.peaks, strict=True))[-_PAIRS:]
        yield Finding(
            f"all organisations, peak memory of the worker, {sizes} of them", compared(pairs),
            "MiB", 1.1, 1.02, "the same runs", lower_is_better=True,
        )  # fmt: skip


class _Everybody:
    """Organisations that are all due."""

    def __init__(self, base: Base, count: int, rows: int) -> None:
        self._base = base
        self.organisations = count
        self.rows = rows
        self.peaks: list[float] = []
        self.told = ""

    async def seconds(self) -> float:
        """How long a worker takes for a run, on average."""
        self._base.administer(_FORGET)
        async with started("services.insight.worker", {**self._base.environ, **_PORT}) as worker:
            await self._all_ran()
            self.peaks.append(worker.peak_bytes() / _MEGA)
        runs, _, subjects, found, seconds = self._base.execute(_RAN)[0]
        self.told = f"{runs:,} runs, {subjects:,} subjects, {found:,} findings"
        return float(seconds) / int(runs)

    async def _all_ran(self) -> None:
        gives_up = time.monotonic() + _PATIENCE_SECONDS
        while self._base.execute(_RAN)[0][1] < self.organisations:
            if time.monotonic() > gives_up:
                raise WrongCount("not every organisation had a run")
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _peopled(prepared: Ground, count: int) -> AsyncIterator[_Everybody]:
    async with prepared.base() as base:
        settings = OrganisationSettings("Bench", retention_days=None)
        async with open_desk(base.urls[logins.OWNER], SystemClock(), "bench") as desk:
            for _ in range(count - 1):  # the base came with one
                await organisations.create(desk, settings)
        yield _Everybody(base, count, await history.tell(base, _TOLD))


CLAIM = Claim("p17", "Runs of all organisations, of many against few", measure)

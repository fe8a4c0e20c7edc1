"""The background of journey: what changes as time passes and as insight learns more.

Any number may run: each piece of work is taken by one of them. What a worker leaves that died is
done again by another, and a database that is away is waited for.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from services.journey.insight import Asking
from services.journey.learning.usecases import Learner
from services.journey.parts import Insight
from services.journey.refreshing.usecases import Refreshing
from services.journey.signals.usecases import Sweeps
from shared import program
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.database import Database
from shared.refusal import StartRefused
from shared.settings import Settings
from shared.startup import wait_for_database
from shared.telemetry.metrics import Metrics, MetricsEndpoint
from shared.working import Step, over_and_over, until_told_to_stop

_LOG = logging.getLogger("footfall.worker")
_POOL_SIZE = 8
_PING_EVERY_SECONDS = 5.0
_LEARN_EVERY_SECONDS = 1.0


class Worker:
    """The parts, and what they do over and over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = _given(settings.journey.database_url, "JOURNEY")
        self._maintenance_url = _given(settings.logins.maintenance_database_url, "MAINTENANCE")
        self._database = Database(self._url, application_name="journey-worker", size=_POOL_SIZE)
        self._across = Database(
            self._maintenance_url, application_name="journey-worker-across", size=4
        )
        data_dir = DataDir.at(settings.storage.data_dir).prepare()
        self._insight = Insight(settings, data_dir, SystemClock())
        self._learner = Learner(self._database, self._across, SystemClock())
        self._metrics = Metrics()
        self._refreshing = Refreshing(
            self._database, self._across, SystemClock(), self._metrics.registry
        )
        self._sweeps = Sweeps(
            self._database,
            self._across,
            Asking(self._insight),
            SystemClock(),
            self._metrics.registry,
            every_seconds=settings.journey_worker.signals_minutes * 60.0,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        endpoint = MetricsEndpoint(
            self._metrics,
            self._settings.journey_worker.metrics_port,
            self._settings.telemetry.metrics_host,
        )
        try:
            await wait_for_database(self._url)
            await wait_for_database(self._maintenance_url, crosses_organisations=True)
            await asyncio.gather(self._database.open(), self._across.open())
            _LOG.info("working", extra={"metrics_port": endpoint.port})
            self._metrics.ready.set(1)
            await self._work()
        finally:
            await asyncio.gather(
                self._insight.close(),
                self._database.close(),
                self._across.close(),
                endpoint.close(),
            )

    async def _work(self) -> None:
        steps: tuple[Step, ...] = (
            self.ping,
            self.learn,
            *self._refreshing.steps,
            *self._sweeps.steps,
        )
        async with asyncio.TaskGroup() as group:  # which waits for what it cancels
            for step in steps:
                group.create_task(over_and_over(step, self._database, self._across))

    async def ping(self) -> float:
        """Say when the database goes away and when it is back."""
        await self._database.ping()
        return _PING_EVERY_SECONDS

    async def learn(self) -> float:
        """Let rankings follow outcomes."""
        if made := await self._learner.learn():
            _LOG.debug("learnt", extra={"organisations": made})
        return _LEARN_EVERY_SECONDS


def _given(url: str | None, name: str) -> str:
    if url is None:
        raise StartRefused(
            f"FOOTFALL_{name}_DATABASE_URL is not set: the worker logs in as footfall_journey and "
            "as footfall_maintenance. `footfall up` sets both."
        )
    return url


async def main(settings: Settings) -> None:
    """Run until told to stop."""
    await until_told_to_stop(Worker(settings).run())


if __name__ == "__main__":
    sys.exit(program.run(main))

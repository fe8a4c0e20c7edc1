"""The background of pricing: requests that expire, changes whose time has come, whom they reach.

Any number may run: each piece of work is taken by one of them. What a worker leaves that died is
done again by another, and a database that is away is waited for.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from services.pricing.audit.usecases import Anchoring
from services.pricing.changes.usecases.steps import Effects
from services.pricing.changes.usecases.turns import AT_ONCE
from shared import program
from shared.anchors import FileAnchors, anchors_file
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.database import Database
from shared.refusal import StartRefused
from shared.settings import Settings
from shared.startup import wait_for_database
from shared.telemetry.metrics import Metrics, MetricsEndpoint
from shared.working import Step, over_and_over, until_told_to_stop

_LOG = logging.getLogger("footfall.worker")
_PING_EVERY_SECONDS = 5.0
_CONNECTIONS = 4 * AT_ONCE + 1
"""What four steps need side by side, and a ping."""


class Worker:
    """The parts, and what they do over and over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = _given(settings.pricing.database_url, "PRICING")
        self._maintenance_url = _given(settings.logins.maintenance_database_url, "MAINTENANCE")
        self._database = Database(self._url, application_name="pricing-worker", size=_CONNECTIONS)
        self._across = Database(
            self._maintenance_url, application_name="pricing-worker-across", size=4
        )
        self._metrics = Metrics()
        data_dir = DataDir.at(settings.storage.data_dir).prepare()
        self._anchoring = Anchoring(
            self._across,
            FileAnchors(anchors_file(settings.storage.audit_anchors_file, data_dir)),
            SystemClock(),
            every_seconds=settings.pricing_worker.anchor_seconds,
        )
        self._effects = Effects(self._database, self._across, SystemClock(), self._metrics.registry)

    async def run(self) -> None:
        """Work until cancelled."""
        endpoint = MetricsEndpoint(
            self._metrics,
            self._settings.pricing_worker.metrics_port,
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
            await asyncio.gather(self._database.close(), self._across.close(), endpoint.close())

    async def _work(self) -> None:
        steps: tuple[Step, ...] = (self.ping, *self._effects.steps, *self._anchoring.steps)
        async with asyncio.TaskGroup() as group:  # which waits for what it cancels
            for step in steps:
                group.create_task(over_and_over(step, self._database, self._across))

    async def ping(self) -> float:
        """Say when the database goes away and when it is back."""
        await self._database.ping()
        return _PING_EVERY_SECONDS


def _given(url: str | None, name: str) -> str:
    if url is None:
        raise StartRefused(
            f"FOOTFALL_{name}_DATABASE_URL is not set: the worker logs in as footfall_pricing and "
            "as footfall_maintenance. `footfall up` sets both."
        )
    return url


async def main(settings: Settings) -> None:
    """Run until told to stop."""
    await until_told_to_stop(Worker(settings).run())


if __name__ == "__main__":
    sys.exit(program.run(main))

"""The background of event-ingest: sessions follow the log, upkeep keeps to its rounds.

Any number may run: each piece of work is taken by one of them. What dies leaves nothing half done,
and a database that is away is waited for.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from prometheus_client import Counter, Gauge

from services.event_ingest.sessions.usecases import Follower
from services.event_ingest.upkeep.usecases import Upkeep
from shared import program
from shared.clock import SystemClock
from shared.database import Database
from shared.refusal import StartRefused
from shared.settings import Settings
from shared.startup import wait_for_database
from shared.telemetry.metrics import Metrics, MetricsEndpoint
from shared.working import over_and_over, until_told_to_stop

_LOG = logging.getLogger("footfall.worker")
_LOOK_EVERY_SECONDS = 0.25
_ROUND_EVERY_SECONDS = 60.0
_ROUND_SHARE = 0.05


class Worker:
    """The parts, and what they do over and over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._url = _given(settings.event_ingest.database_url, "EVENT_INGEST")
        self._maintenance_url = _given(settings.logins.maintenance_database_url, "MAINTENANCE")
        self._database = Database(self._url, application_name="event-ingest-worker", size=2)
        self._across = Database(
            self._maintenance_url, application_name="event-ingest-upkeep", size=2
        )
        self._follower = Follower(self._database, self._across, self._clock)
        self._upkeep = Upkeep(self._across, self._clock)
        metrics = self._metrics = Metrics()
        self._folded = Counter(
            "footfall_session_events", "Events folded into sessions.", registry=metrics.registry
        )
        self._lag = Gauge(
            "footfall_session_lag_seconds",
            "How long the oldest of the events folded last had waited since its commit.",
            registry=metrics.registry,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        endpoint = MetricsEndpoint(
            self._metrics,
            self._settings.event_ingest_worker.metrics_port,
            self._settings.telemetry.metrics_host,
        )
        try:
            await wait_for_database(self._url)
            await wait_for_database(self._maintenance_url, crosses_organisations=True)
            await asyncio.gather(self._database.open(), self._across.open())
            _LOG.info("working", extra={"metrics_port": endpoint.port})
            self._metrics.ready.set(1)
            await asyncio.gather(
                over_and_over(self.follow, self._database, self._across),
                over_and_over(self.keep_up, self._across),
            )
        finally:
            await asyncio.gather(self._database.close(), self._across.close(), endpoint.close())

    async def follow(self) -> float:
        """Fold what is new into sessions, a piece for each organisation."""
        progress = await self._follower.follow()
        self._folded.inc(progress.events)
        self._lag.set(progress.lag_seconds)
        return 0.0 if progress.events else _LOOK_EVERY_SECONDS

    async def keep_up(self) -> float:
        """A round of upkeep, each minute; less often where a round takes long."""
        began = self._clock.monotonic()
        await self._upkeep.keep_up()
        return max(_ROUND_EVERY_SECONDS, (self._clock.monotonic() - began) / _ROUND_SHARE)


def _given(url: str | None, name: str) -> str:
    if url is None:
        raise StartRefused(
            f"FOOTFALL_{name}_DATABASE_URL is not set: the worker logs in as footfall_event_ingest "
            "and as footfall_maintenance. `footfall up` sets both."
        )
    return url


async def main(settings: Settings) -> None:
    """Run until told to stop; what is in hand then is undone and done by the next worker."""
    await until_told_to_stop(Worker(settings).run())


if __name__ == "__main__":
    sys.exit(program.run(main))

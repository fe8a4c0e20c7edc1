"""The background of insight: runs on schedule and soon after events, and the outbox' way out.

Any number may run: each piece of work is taken by one of them. What a worker leaves that died is
done again by another, and a database that is away is waited for.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from services.insight.insights.rules.life import Cause
from services.insight.runs.usecases import Ended, Follower, Queue, Timing, run, schedule
from services.insight.webhooks.usecases.delivering import Deliveries
from services.insight.webhooks.usecases.numbers import Numbers as WebhookNumbers
from services.insight.webhooks.usecases.posting import Poster
from shared import program
from shared.clock import SystemClock
from shared.database import Database
from shared.refusal import StartRefused
from shared.settings import Settings
from shared.startup import wait_for_database
from shared.telemetry.metrics import Metrics, MetricsEndpoint
from shared.working import over_and_over, until_told_to_stop

_LOG = logging.getLogger("footfall.worker")
_LOOK_EVERY_SECONDS = 1.0
_COUNT_EVERY_SECONDS = 5.0


class Numbers:
    """What Prometheus sees of the queue."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.ready = metrics.ready
        self.tries = Counter(
            "footfall_insight_jobs",
            "Tries of jobs, by how they ended: done, again (after a pause), dead or stopped.",
            ("task", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "footfall_insight_job_seconds", "How long a try took.", ("task",), registry=registry
        )
        self.length = Gauge(
            "footfall_insight_queue_jobs",
            "Jobs by state: waiting for their time, due, running, dead.",
            ("state",),
            registry=registry,
        )
        self.oldest = Gauge(
            "footfall_insight_queue_oldest_due_seconds",
            "For how long the oldest job that is due has been.",
            registry=registry,
        )


class Worker:
    """The parts, and what they do over and over."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        own = settings.insight_worker
        self._url = _given(settings.insight.database_url, "INSIGHT")
        self._maintenance_url = _given(settings.logins.maintenance_database_url, "MAINTENANCE")
        self._database = Database(
            self._url, application_name="insight-worker", size=2 * own.runs_at_once + 4
        )
        self._across = Database(
            self._maintenance_url, application_name="insight-worker-across", size=2
        )
        self._every_seconds = own.every_minutes * 60.0
        self._follower = Follower(
            self._database,
            self._across,
            soon_seconds=own.soon_seconds,
            rest_seconds=own.rest_seconds,
        )
        self._queue = Queue(
            self._url,
            self._database,
            Timing(own.runs_at_once, own.lease_seconds, own.retry_seconds),
            generate=self._generate,
            dispatch=self._dispatch,
            report=self._report,
        )
        self._metrics = Metrics()
        self._numbers = Numbers(self._metrics)
        self._deliveries = Deliveries(
            self._database,
            self._across,
            SystemClock(),
            Poster(allow_private=settings.webhooks.allow_private),
            WebhookNumbers(self._metrics.registry),
        )

    async def run(self) -> None:
        """Work until cancelled."""
        logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # we tell it, once
        endpoint = MetricsEndpoint(
            self._metrics,
            self._settings.insight_worker.metrics_port,
            self._settings.telemetry.metrics_host,
        )
        try:
            await wait_for_database(self._url)
            await wait_for_database(self._maintenance_url, crosses_organisations=True)
            await asyncio.gather(self._database.open(), self._across.open(), self._queue.open())
            _LOG.info("working", extra={"metrics_port": endpoint.port})
            self._numbers.ready.set(1)
            await self._work()
        finally:
            await asyncio.gather(
                self._queue.close(), self._database.close(), self._across.close(), endpoint.close()
            )

    async def _work(self) -> None:
        steps = (
            self._queue.work,
            self._queue.rescue,
            self.follow,
            self.count,
            self._deliveries.deliver,
        )
        try:
            async with asyncio.TaskGroup() as group:  # which waits for what it cancels
                for step in steps:
                    group.create_task(over_and_over(step, self._database, self._across))
        finally:
            await self._deliveries.close()

    async def follow(self) -> float:
        """Put runs of those to whom something happened that matters."""
        await self._follower.follow()
        return _LOOK_EVERY_SECONDS

    async def count(self) -> float:
        """Tell how full the queue is."""
        numbers = await self._queue.numbers()
        for state in ("waiting", "due", "running", "dead"):
            self._numbers.length.labels(state).set(getattr(numbers, state))
        self._numbers.oldest.set(numbers.oldest_due_seconds)
        return _COUNT_EVERY_SECONDS

    async def _dispatch(self) -> None:
        if put := await schedule(self._database, self._across, self._every_seconds):
            _LOG.info("runs are due", extra={"organisations": put})

    async def _generate(self, org_id: UUID, cause: Cause) -> None:
        """A run of the whole organisation, as of now."""
        try:
            found = await run(self._database, org_id, cause)
        except Exception:
            await self._database.purge()  # after a restart of Postgres each try would find one more
            raise
        if found is not None:
            counts = {"subjects": found.subjects, "standing": sum(found.totals.values())}
            _LOG.info("run", extra={"org": str(org_id), "cause": cause.name.lower(), **counts})

    def _report(
        self,
        task: str,
        org_id: UUID | None,
        ended: Ended,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        self._numbers.tries.labels(task, ended).inc()
        self._numbers.seconds.labels(task).observe(seconds)
        about = {"task": task, "org": str(org_id or ""), "seconds": round(seconds, 3)}
        if error is None:
            _LOG.debug("job done", extra=about)
        elif ended is Ended.STOPPED:
            _LOG.info("job undone, left to the next worker", extra=about)
        elif ended is Ended.DEAD:
            _LOG.error("job is dead", extra=about, exc_info=error)
        else:
            _LOG.warning("job failed, will be tried again", extra=about, exc_info=error)


def _given(url: str | None, name: str) -> str:
    if url is None:
        raise StartRefused(
            f"FOOTFALL_{name}_DATABASE_URL is not set: the worker logs in as footfall_insight and "
            "as footfall_maintenance. `footfall up` sets both."
        )
    return url


async def main(settings: Settings) -> None:
    """Run until told to stop; a run in hand then has a few seconds, and is done again else."""
    await until_told_to_stop(Worker(settings).run())


if __name__ == "__main__":
    sys.exit(program.run(main))

"""The queue as a worker sees it: taking jobs, ending them, doing again what the dead left.

Built on procrastinate, whose worker fetches and keeps the signs of life. How a job ends is ours:
only for the worker that holds it, and without stumbling over a job of the same organisation that
was put meanwhile.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from procrastinate import (
    App,
    BaseRetryStrategy,
    JobContext,
    PsycopgConnector,
    RetryDecision,
    exceptions,
    jobs,
    manager,
)

from services.insight.insights.rules.life import Cause
from services.insight.runs import queries, rules
from services.insight.runs.queries import Numbers
from shared.database import Database, RawConnection, pool_of_jobs
from shared.errors import AlreadyExists, DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.runs")
_SEEN_TO_SECONDS = 5.0
"""Runs in hand when the worker is told to stop may take so long; then they are undone."""

_CONNECTIONS = 3
"""The queue asks for jobs, gives signs of life and puts the tick of the schedule."""

_INSIST_SECONDS, _INSIST_PAUSE_SECONDS = 10.0, 0.2
_ON_THE_MINUTE = "* * * * *"
_DISPATCH = "dispatch"
_BEFORE_RUNS = 10

Generate = Callable[[UUID, Cause], Coroutine[Any, Any, None]]
Dispatch = Callable[[], Coroutine[Any, Any, None]]


class Ended(StrEnum):
    """How a try came out."""

    DONE = "done"
    AGAIN = "again"
    DEAD = "dead"
    STOPPED = "stopped"
    """By the end of its worker; another makes it at once."""


Report = Callable[[str, UUID | None, Ended, float, BaseException | None], None]
"""Hears of each try: what, of whom, how it ended, after how many seconds, and why."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How a worker goes about its jobs."""

    at_once: int
    lease_seconds: float
    """So long a silent worker counts as alive."""
    retry_seconds: float
    """The first pause after a failure."""
    poll_seconds: float = 1.0
    """How often it looks for jobs that are due."""


class Queue:
    """Jobs `generate`, one at a time for an organisation, and `dispatch`, each minute once."""

    def __init__(
        self,
        url: str,
        database: Database,
        timing: Timing,
        *,
        generate: Generate,
        dispatch: Dispatch,
        report: Report,
    ) -> None:
        """`url` and `database` are of insight's own login."""
        self._database = database
        self._timing = timing
        self._generate = generate
        self._dispatch = dispatch
        self._report = report
        self._pool = pool_of_jobs(url, application_name="insight-worker-queue", size=_CONNECTIONS)
        self._app = App(connector=PsycopgConnector())
        self._lost = asyncio.Event()
        """Set when the end of a job could not be written: who begins anew loses its jobs."""
        self._app.job_manager = _Jobs(
            self._app.connector, database, timing.retry_seconds, self._lost
        )
        self._register()

    def _register(self) -> None:
        task = self._app.task
        task(name=queries.GENERATE, queue=queries.QUEUE, retry=_Tries(), pass_context=True)(
            self._do_generate
        )
        dispatch = task(
            name=_DISPATCH,
            queue=queries.QUEUE,
            lock=_DISPATCH,
            queueing_lock=_DISPATCH,
            priority=_BEFORE_RUNS,
            retry=_Tries(),
            pass_context=True,
        )(self._do_dispatch)
        self._app.periodic(cron=_ON_THE_MINUTE)(dispatch)

    async def open(self) -> None:
        """Begin to connect; a database that is away is no error here."""
        await self._pool.open()
        await self._app.open_async(self._pool)

    async def close(self) -> None:
        """Give back every connection."""
        await self._pool.close()

    async def work(self) -> float:
        """Do jobs until something fails; those in hand are then found by `rescue`."""
        self._lost.clear()
        working = asyncio.create_task(self._run())
        lost = asyncio.create_task(self._lost.wait())
        try:
            await asyncio.wait((working, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
            working.cancel()
            await asyncio.wait((working,))
        if not working.cancelled():
            working.result()
        return self._timing.poll_seconds

    async def _run(self) -> None:
        try:
            await self._app.run_worker_async(
                queues=[queries.QUEUE],
                concurrency=self._timing.at_once,
                fetch_job_polling_interval=self._timing.poll_seconds,
                update_heartbeat_interval=self._timing.lease_seconds / 3,
                stalled_worker_timeout=self._timing.lease_seconds,
                shutdown_graceful_timeout=_SEEN_TO_SECONDS,
                listen_notify=False,
                install_signal_handlers=False,
            )
        except exceptions.ConnectorException as error:
            raise (error.__cause__ or error) from None

    async def rescue(self) -> float:
        """Strike off silent workers and put back their jobs; a death counts as a try."""
        async with self._database.across_tenants() as raw:
            await queries.delete_dead_workers(raw, self._timing.lease_seconds)
            abandoned = await queries.lock_abandoned(raw)
            if abandoned:
                await queries.update_abandoned(
                    raw,
                    [
                        (job_id, rules.is_last(tries), self._pause(tries))
                        for job_id, tries in abandoned.items()
                    ],
                )
        return self._timing.lease_seconds / 6

    def _pause(self, tries: int) -> float:
        return rules.pause(tries, self._timing.retry_seconds)

    async def numbers(self) -> Numbers:
        """How full the queue is."""
        async with self._database.across_tenants() as raw:
            return await queries.select_numbers(raw)

    async def _do_generate(self, context: JobContext, *, org_id: str, cause: int) -> None:
        organisation = UUID(org_id)
        await self._reported(context, organisation, self._generate(organisation, Cause(cause)))

    async def _do_dispatch(self, context: JobContext, timestamp: int) -> None:
        del timestamp  # what is due now is due, however late this runs
        await self._reported(context, None, self._dispatch())

    async def _reported(
        self, context: JobContext, org_id: UUID | None, work: Awaitable[None]
    ) -> None:
        began, task = time.monotonic(), context.job.task_name
        try:
            await work
        except BaseException as error:
            ended = _ended(error, context.job.attempts)
            self._report(task, org_id, ended, time.monotonic() - began, error)
            raise
        self._report(task, org_id, Ended.DONE, time.monotonic() - began, None)


def _ended(error: BaseException, attempts: int) -> Ended:
    if isinstance(error, asyncio.CancelledError):
        return Ended.STOPPED
    return Ended.DEAD if rules.is_last(attempts) else Ended.AGAIN


class _Tries(BaseRetryStrategy):
    """Five; one that the worker's own end cut short is made again at once."""

    def get_retry_decision(
        self, *, exception: BaseException, job: jobs.Job
    ) -> RetryDecision | None:
        match _ended(exception, job.attempts):
            case Ended.STOPPED:
                return RetryDecision()
            case Ended.DEAD:
                return None
        return RetryDecision(retry_in={"seconds": 1})  # how long it is, `retry_job` says


class _Jobs(manager.JobManager):
    """Ends and repeats jobs by our statements, and insists while the database is away."""

    def __init__(
        self, connector: Any, database: Database, retry_seconds: float, lost: asyncio.Event
    ) -> None:
        super().__init__(connector)
        self._database = database
        self._retry_seconds = retry_seconds
        self._lost = lost

    async def finish_job(
        self,
        job: jobs.Job,
        status: jobs.Status,
        delete_job: bool,  # noqa: FBT001 - the library's
    ) -> None:
        del delete_job  # what is done is told by its run; what is dead is kept
        job_id, worker_id = _held(job)
        if status == jobs.Status.SUCCEEDED:
            await self._insist(lambda raw: queries.delete_done(raw, job_id, worker_id))
        else:
            await self._insist(lambda raw: queries.update_dead(raw, job_id, worker_id))

    async def retry_job(
        self,
        job: jobs.Job,
        retry_at: dt.datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """After a pause by the clock of the database, or at once when no time is given."""
        del priority, queue, lock
        pause = 0.0 if retry_at is None else rules.pause(job.attempts, self._retry_seconds)
        job_id, worker_id = _held(job)
        await self._insist(lambda raw: queries.update_again(raw, job_id, worker_id, pause))

    async def _insist(self, write: Callable[[RawConnection], Awaitable[bool]]) -> None:
        """Write it, also if the database is back only in a moment.

        A job that is another's by now is left alone.
        """
        gives_up = time.monotonic() + _INSIST_SECONDS
        while True:
            try:
                async with self._database.across_tenants() as raw:
                    await write(raw)
                return
            except Exception as error:  # noqa: BLE001 - the job is left to others, and said
                passing = isinstance(domain_error(error), DatabaseAway | Overloaded | AlreadyExists)
                if not passing or time.monotonic() > gives_up:
                    _LOG.warning("the end of a job is not written", exc_info=True)
                    self._lost.set()
                    return
            await asyncio.sleep(_INSIST_PAUSE_SECONDS)


def _held(job: jobs.Job) -> tuple[int, int]:
    assert job.id is not None
    assert job.worker_id is not None
    return job.id, job.worker_id

"""The queue on a real database: one run of an organisation at a time, retried, then kept."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from procrastinate.schema import SchemaManager

import shared.schema
from services.insight.insights.rules.life import Cause
from services.insight.runs import queries, rules
from services.insight.runs.usecases import Ended, Queue, Timing, list_jobs, revive_jobs
from shared.database import Database
from shared.working import over_and_over
from tests.postgres import MigratedDatabase

ACME, GLOBEX = uuid4(), uuid4()


class Broken(Exception):
    """What a run may fail with."""


@dataclass
class Runs:
    """What stands for detection here: it notes who is run, and does what a test tells it."""

    begun: list[UUID] = field(default_factory=list)
    ended: list[tuple[UUID | None, Ended]] = field(default_factory=list)
    failing: Callable[[UUID], bool] = lambda _: False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    in_hand: Counter[UUID] = field(default_factory=Counter)
    most_at_once: Counter[UUID] = field(default_factory=Counter)
    dispatched: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def generate(self, org_id: UUID, cause: Cause) -> None:
        assert cause is Cause.EVENTS
        self.begun.append(org_id)
        self.in_hand[org_id] += 1
        self.most_at_once[org_id] = max(self.most_at_once[org_id], self.in_hand[org_id])
        try:
            await self.gate.wait()
            await asyncio.sleep(0.01)
            if self.failing(org_id):
                raise Broken
        finally:
            self.in_hand[org_id] -= 1

    async def dispatch(self) -> None:
        self.dispatched += 1

    def report(
        self, task: str, org_id: UUID | None, ended: Ended, seconds: float, error: object
    ) -> None:
        assert (error is None) is (ended is Ended.DONE)
        assert seconds >= 0
        if task == "generate":
            self.ended.append((org_id, ended))

    def count(self, ended: Ended, org_id: UUID = ACME) -> int:
        return self.ended.count((org_id, ended))


@asynccontextmanager
async def working(
    database: MigratedDatabase, own: Database, runs: Runs, *, lease: float = 30.0
) -> AsyncIterator[Queue]:
    """A worker's queue, at work."""
    queue = Queue(
        database.urls["footfall_insight"],
        own,
        Timing(at_once=4, lease_seconds=lease, retry_seconds=0.02, poll_seconds=0.05),
        generate=runs.generate,
        dispatch=runs.dispatch,
        report=runs.report,
    )
    await queue.open()
    steps = [asyncio.create_task(over_and_over(queue.work, own))]
    try:
        yield queue
    finally:
        for step in steps:
            step.cancel()
            with suppress(asyncio.CancelledError):
                await step
        await queue.close()


async def put(own: Database, orgs: Sequence[UUID], seconds: float = 0.0) -> int:
    async with own.across_tenants() as raw:
        return await queries.insert_jobs(raw, Cause.EVENTS, dict.fromkeys(orgs, seconds))


async def until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    gives_up = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < gives_up
        await asyncio.sleep(0.02)


async def until_idle(own: Database) -> None:
    """Nothing of organisations waits or runs any more."""
    gives_up = time.monotonic() + 30
    while any(job.org_id and job.state != "failed" for job in await list_jobs(own)):
        assert time.monotonic() < gives_up
        await asyncio.sleep(0.02)


def test_the_schema_is_that_of_the_library_which_is_installed() -> None:
    """Another version of the library needs a migration: its own lie in procrastinate/sql."""
    migrations = Path(shared.schema.__file__).parent / "migrations"
    _, _, copied = (migrations / "procrastinate_3_10_0.sql").read_text().partition("SOFTWARE.\n\n")
    assert copied == SchemaManager.get_schema()


async def test_a_burst_makes_one_run(database: MigratedDatabase, own: Database) -> None:
    runs = Runs()
    assert [await put(own, [ACME, GLOBEX], seconds=1.0) for _ in range(20)] == [2] + [0] * 19
    async with working(database, own, runs):
        await until_idle(own)
    assert sorted(runs.begun) == sorted([ACME, GLOBEX])


async def test_what_comes_during_a_run_makes_one_more(
    database: MigratedDatabase, own: Database
) -> None:
    runs = Runs()
    runs.gate.clear()
    await put(own, [ACME])
    async with working(database, own, runs):
        await until(lambda: runs.begun == [ACME])
        assert [await put(own, [ACME]) for _ in range(3)] == [1, 0, 0]
        runs.gate.set()
        await until_idle(own)
    assert runs.begun == [ACME, ACME]


async def test_two_workers_never_run_one_organisation_at_once(
    database: MigratedDatabase, own: Database
) -> None:
    runs, orgs = Runs(), [ACME, GLOBEX, uuid4()]
    async with working(database, own, runs), working(database, own, runs):
        while len(runs.begun) < 60:
            await put(own, orgs)
            await asyncio.sleep(0)
        await until_idle(own)
    assert set(runs.most_at_once.values()) == {1}
    assert len(runs.ended) == len(runs.begun)


async def test_what_keeps_failing_is_dead_after_five_tries_and_in_nobodys_way(
    database: MigratedDatabase, own: Database
) -> None:
    runs = Runs(failing=lambda org_id: org_id == ACME)
    await put(own, [ACME, GLOBEX])
    async with working(database, own, runs) as queue:
        await until(lambda: runs.count(Ended.DEAD) == 1)
        assert runs.count(Ended.AGAIN) == rules.TRIES - 1
        assert runs.count(Ended.DONE, GLOBEX) == 1
        await until_idle(own)
        assert (await queue.numbers()).dead == 1
        [dead] = await list_jobs(own, only_dead=True)
        assert (dead.org_id, dead.attempts, dead.state) == (ACME, rules.TRIES, "failed")

        runs.failing = lambda _: False
        assert await revive_jobs(own, dead.job_id) == 1
        await until(lambda: runs.count(Ended.DONE) == 1)
        await until_idle(own)
        assert (await queue.numbers()).dead == 0


async def test_a_try_that_fails_does_not_stumble_over_what_was_put_meanwhile(
    database: MigratedDatabase, own: Database
) -> None:
    runs = Runs()
    runs.failing = lambda _: len(runs.begun) < 3
    runs.gate.clear()
    await put(own, [ACME])
    async with working(database, own, runs):
        await until(lambda: runs.begun == [ACME])
        assert await put(own, [ACME]) == 1
        runs.gate.set()
        await until_idle(own)
    assert [ended for _, ended in runs.ended] == [Ended.AGAIN, Ended.AGAIN, Ended.DONE]


async def test_dead_jobs_of_one_organisation_come_back_as_one(
    database: MigratedDatabase, own: Database
) -> None:
    runs = Runs(failing=lambda _: True)
    async with working(database, own, runs):
        for number in range(1, 3):
            await put(own, [ACME])
            await until(lambda dead=number: runs.count(Ended.DEAD) == dead)  # type: ignore[misc]
            await until_idle(own)
    await put(own, [ACME], seconds=3600)
    assert await revive_jobs(own) == 2
    [job] = await list_jobs(own)
    assert (job.state, job.attempts) == ("todo", 0)


async def test_a_worker_that_was_taken_for_dead_cannot_end_the_job_of_its_successor(
    database: MigratedDatabase, own: Database
) -> None:
    stale, fresh = Runs(), Runs()
    stale.gate.clear()
    fresh.gate.clear()
    await put(own, [ACME])
    async with working(database, own, stale):
        await until(lambda: stale.begun == [ACME])
        database.execute("UPDATE jobs.procrastinate_workers SET last_heartbeat = '2000-01-01'")
        async with working(database, own, fresh) as queue:
            await queue.rescue()
            await until(lambda: fresh.begun == [ACME])
            stale.gate.set()
            await until(lambda: stale.count(Ended.DONE) == 1)
            await put(own, [GLOBEX])  # which the stale one may only take under a new number
            [job] = [job for job in await list_jobs(own) if job.org_id == ACME]
            assert (job.state, job.attempts) == ("doing", 1)
            fresh.gate.set()
            await until_idle(own)
    assert fresh.count(Ended.DONE) == 1
    assert stale.count(Ended.DONE, GLOBEX) + fresh.count(Ended.DONE, GLOBEX) == 1


async def test_a_job_that_keeps_killing_its_workers_ends_as_a_dead_one(
    database: MigratedDatabase, own: Database
) -> None:
    runs = Runs()
    runs.gate.clear()
    await put(own, [ACME, GLOBEX])
    async with working(database, own, runs) as queue:
        await until(lambda: len(runs.begun) == 2)
        database.execute(
            "UPDATE jobs.procrastinate_jobs SET attempts = %s WHERE lock = %s",
            rules.TRIES - 1,
            str(ACME),
        )
        database.execute("UPDATE jobs.procrastinate_workers SET last_heartbeat = '2000-01-01'")
        await queue.rescue()
        found = {job.org_id: (job.state, job.attempts) for job in await list_jobs(own)}
        assert found[ACME] == ("failed", rules.TRIES)
        assert found[GLOBEX] in {("todo", 1), ("doing", 1)}
        runs.gate.set()
        await until_idle(own)
    assert Counter(runs.begun) == {ACME: 1, GLOBEX: 2}


async def test_a_tick_of_the_schedule_is_dispatched_once_by_any_number_of_workers(
    database: MigratedDatabase, own: Database
) -> None:
    runs = Runs()
    runs.gate.clear()
    first = time.time() // 60
    async with working(database, own, runs), working(database, own, runs):
        await put(own, [uuid4() for _ in range(8)])
        await until(lambda: len(runs.begun) == 8)  # four in the hands of each
        runs.gate.set()
        await until(lambda: runs.dispatched > 0)
        await until_idle(own)
        assert runs.dispatched <= time.time() // 60 - first + 1

"""Runs survive the death of their worker and of Postgres: each is made, and none twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.event_ingest.sessions.usecases import Follower
from shared.clock import SystemClock
from shared.database import Database
from shared.embedded import EmbeddedPostgres
from tests.insight_working import a_run_held_up, held_up, insight_worker, runs_of, until
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template, cluster
from tests.storing import event_at, store

AT_ONCE = {
    "FOOTFALL_INSIGHT_WORKER_SOON_SECONDS": "0.1",
    "FOOTFALL_INSIGHT_WORKER_REST_SECONDS": "0",
}


@dataclass
class Mortal:
    """A database in a cluster of the test's own, which will be killed."""

    postgres: EmbeddedPostgres
    database: MigratedDatabase


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    with cluster() as postgres, Template(postgres).clone() as database:
        yield Mortal(postgres, database)


@asynccontextmanager
async def as_event_ingest(database: MigratedDatabase) -> AsyncIterator[tuple[Database, Follower]]:
    """Who stores events, and who folds them."""
    writer = Database(database.urls["footfall_event_ingest"], application_name="test")
    across = Database(database.urls["footfall_maintenance"], application_name="test")
    await asyncio.gather(writer.open(), across.open())
    try:
        yield writer, Follower(writer, across, SystemClock())
    finally:
        await asyncio.gather(writer.close(), across.close())


async def send(orgs: Sequence[Organisation], kind: str, count: int) -> None:
    """Events of one user in each, folded when this returns."""
    async with as_event_ingest(orgs[0].database) as (writer, follower):
        for organisation in orgs:
            events = [
                event_at(datetime.now(UTC), kind, user_id="mia", feature="export")
                for _ in range(count)
            ]
            await store(writer, organisation, events)
        while behind(orgs[0].database):
            await follower.follow()


async def with_somebody_stuck(database: MigratedDatabase) -> list[Organisation]:
    """Organisations that were never looked at, each with something to be found."""
    orgs = [add_organisation(database, f"Organisation {number}") for number in range(3)]
    await send(orgs, "feature_abandoned", 6)
    return orgs


def behind(database: MigratedDatabase) -> bool:
    rows = database.execute(
        "SELECT 1 FROM app.event_log l LEFT JOIN app.session_cursors c USING (org_id)"
        " WHERE l.position > coalesce(c.position, 0)"
    )
    return bool(rows)


def jobs(database: MigratedDatabase) -> list[str]:
    rows = database.execute(
        "SELECT status::text FROM jobs.procrastinate_jobs WHERE args ? 'org_id' ORDER BY id"
    )
    return [state for (state,) in rows]


async def until_all_is_done(orgs: Sequence[Organisation], before: Sequence[int]) -> None:
    database = orgs[0].database
    for organisation, runs in zip(orgs, before, strict=True):
        await until(lambda one=organisation, ran=runs: runs_of(one) > ran)  # type: ignore[misc]
    await until(lambda: jobs(database) == [])


def assert_no_insight_is_doubled(orgs: Sequence[Organisation]) -> None:
    """Each was opened once, in a run that was kept, and stands."""
    for organisation in orgs:
        [(insights, subjects, reopened)] = organisation.database.execute(
            "SELECT count(*), count(DISTINCT (subject_kind, subject_id, feature, insight_type)),"
            " sum(reopened) FROM app.insights WHERE org_id = %s",
            organisation.org_id,
        )
        [(changed,)] = organisation.database.execute(
            "SELECT sum(changed) FROM app.insight_runs WHERE org_id = %s", organisation.org_id
        )
        assert insights == subjects == changed > 0
        assert reopened == 0


def kill_all_of_postgres(postgres: EmbeddedPostgres) -> None:
    """The postmaster and its children, as a machine's death would end them."""
    assert postgres.pid is not None
    children = Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    for pid in (postgres.pid, *map(int, children)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


async def test_a_worker_killed_during_its_runs_leaves_them_to_the_next(
    database: MigratedDatabase, cycles: int
) -> None:
    orgs = await with_somebody_stuck(database)
    for _ in range(cycles):
        before = [runs_of(organisation) for organisation in orgs]
        await send(orgs, "report_generated", 1)
        with a_run_held_up(database):
            async with insight_worker(database, **AT_ONCE) as doomed:
                await until(lambda: held_up(database))
                doomed.send(signal.SIGKILL)
                await doomed.ended()
            assert "doing" in jobs(database)
            assert [runs_of(organisation) for organisation in orgs] == before
        async with insight_worker(database, **AT_ONCE):
            await until_all_is_done(orgs, before)
    assert_no_insight_is_doubled(orgs)


async def test_postgres_killed_during_runs_is_waited_for_and_all_are_made(
    mortal: Mortal, cycles: int
) -> None:
    database = mortal.database
    orgs = await with_somebody_stuck(database)
    async with insight_worker(database, **AT_ONCE) as worker:
        for _ in range(cycles):
            before = [runs_of(organisation) for organisation in orgs]
            with a_run_held_up(database):
                await send(orgs, "report_generated", 1)
                await until(lambda: held_up(database))
                kill_all_of_postgres(mortal.postgres)
            await mortal.postgres.restart()
            await until_all_is_done(orgs, before)
        assert worker.process.returncode is None
    assert_no_insight_is_doubled(orgs)

"""The worker as a process: runs come by themselves, and it goes when it is told."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from services.insight.insights.rules.life import Cause
from services.insight.worker import Worker
from shared.database import Database
from shared.refusal import StartRefused
from shared.settings import Settings
from tests.insight_working import a_run_held_up, held_up, insight_worker, runs_of, until
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.programs import Program
from tests.storing import event_at, store

ENDS_WITHIN_SECONDS = 15


@pytest.fixture
async def worker(
    database: MigratedDatabase, organisation: Organisation, other_organisation: Organisation
) -> AsyncIterator[Program]:
    """One that comes to organisations which are there; both are due, for they had no run yet."""
    assert runs_of(organisation) == runs_of(other_organisation) == 0
    timing = {"SOON_SECONDS": "1", "REST_SECONDS": "0"}
    async with insight_worker(
        database, **{f"FOOTFALL_INSIGHT_WORKER_{name}": value for name, value in timing.items()}
    ) as running:
        yield running


@pytest.fixture
def refused(database: MigratedDatabase, organisation: Organisation) -> None:
    """The database keeps no run of the organisation."""
    database.execute(
        "ALTER TABLE app.insight_runs ADD CONSTRAINT never"
        f" CHECK (org_id <> '{organisation.org_id}')"
    )


def causes(organisation: Organisation) -> list[Cause]:
    rows = organisation.database.execute(
        "SELECT cause FROM app.insight_runs WHERE org_id = %s ORDER BY started_at",
        organisation.org_id,
    )
    return [Cause(cause) for (cause,) in rows]


def page(worker: Program) -> str:
    port = worker.said("working")["metrics_port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return str(answer.read().decode())


async def test_the_schedule_runs_everyone_and_events_make_a_run_soon(
    worker: Program, writer: Database, organisation: Organisation, other_organisation: Organisation
) -> None:
    """The tick of the minute that has begun is dispatched at once."""
    await until(lambda: runs_of(organisation) == 1)
    await until(lambda: runs_of(other_organisation) == 1)
    for _ in range(5):
        await store(writer, organisation, [event_at(datetime.now(UTC), "report_generated")])
    await until(lambda: runs_of(organisation) > 1)
    assert causes(organisation)[:2] == [Cause.SCHEDULE, Cause.EVENTS]
    await until(
        lambda: 'footfall_insight_jobs_total{outcome="done",task="generate"}' in page(worker)
    )
    await worker.heard("run")
    assert worker.said("run")["cause"] == "schedule"
    worker.send(signal.SIGTERM)
    assert await worker.ended(seconds=ENDS_WITHIN_SECONDS) == 0


@pytest.mark.usefixtures("refused")
async def test_a_run_that_fails_is_tried_again_and_then_kept(
    worker: Program, organisation: Organisation, other_organisation: Organisation
) -> None:
    await worker.heard("job is dead")
    said = [event["message"] for event in worker.events()]
    assert said.count("job failed, will be tried again") == 4
    assert worker.said("job is dead")["org"] == str(organisation.org_id)
    await until(lambda: 'footfall_insight_queue_jobs{state="dead"} 1.0' in page(worker))
    await until(lambda: runs_of(other_organisation) == 1)
    assert runs_of(organisation) == 0


async def test_a_run_in_hand_when_the_worker_is_told_to_stop_is_left_to_the_next(
    database: MigratedDatabase, organisation: Organisation, other_organisation: Organisation
) -> None:
    with a_run_held_up(database):
        async with insight_worker(database) as first:
            await until(lambda: held_up(database))
            first.send(signal.SIGTERM)
            assert await first.ended(seconds=ENDS_WITHIN_SECONDS) == 0
            assert first.said("job undone, left to the next worker")["org"]
        states = database.execute(
            "SELECT DISTINCT status::text FROM jobs.procrastinate_jobs WHERE lock IS NOT NULL"
        )
        assert states == [("todo",)]
    async with insight_worker(database):
        await until(lambda: runs_of(organisation) == runs_of(other_organisation) == 1)


async def test_without_its_urls_the_worker_says_what_is_missing() -> None:
    with pytest.raises(StartRefused, match="FOOTFALL_INSIGHT_DATABASE_URL is not set"):
        Worker(Settings())

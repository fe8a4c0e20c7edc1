"""The worker as a process: in time, exactly once through kill -9, back with Postgres."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.database import Database
from shared.embedded import EmbeddedPostgres
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template, cluster
from tests.programs import Program, program
from tests.storing import event_at, store

WORKER = "services.event_ingest.worker"
ENDS_WITHIN_SECONDS = 3  # a quarter of one, unless the machine is busy
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@asynccontextmanager
async def worker(database: MigratedDatabase) -> AsyncIterator[Program]:
    environ = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_EVENT_INGEST_WORKER_METRICS_PORT": "0",
        "FOOTFALL_EVENT_INGEST_DATABASE_URL": database.urls["footfall_event_ingest"],
        "FOOTFALL_MAINTENANCE_DATABASE_URL": database.urls["footfall_maintenance"],
    }
    async with program(WORKER, environ=environ) as running:
        await running.heard("working")
        yield running


def folded(organisation: Organisation) -> int:
    rows = organisation.database.execute(
        "SELECT coalesce(sum(event_count), 0) FROM app.sessions WHERE org_id = %s",
        organisation.org_id,
    )
    return int(rows[0][0])


async def until(reached: Callable[[], bool], seconds: float = 30) -> float:
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_sessions_follow_their_events_within_two_seconds_and_the_worker_ends_at_once(
    writer: Database, database: MigratedDatabase, organisation: Organisation
) -> None:
    organisation.set("retention_days", 30)
    expired = event_at(datetime.now(UTC) - timedelta(days=31), user_id="mia")
    await store(writer, organisation, [expired])
    async with worker(database) as running:
        for number in range(1, 4):
            event = event_at(datetime.now(UTC), user_id="milo")
            await store(writer, organisation, [event])
            taken = await until(lambda sent=number: folded(organisation) >= sent)  # type: ignore[misc]
            assert taken < 2
        await until(lambda: not database.execute("SELECT 1 FROM app.events WHERE user_id = 'mia'"))
        running.send(signal.SIGTERM)
        assert await running.ended(seconds=ENDS_WITHIN_SECONDS) == 0


async def test_through_kills_at_any_moment_every_event_is_folded_once(
    writer: Database, database: MigratedDatabase, organisation: Organisation
) -> None:
    chance, sent = random.Random(7), 0
    for _ in range(3):
        async with worker(database) as first, worker(database) as second:
            ends = time.monotonic() + chance.uniform(0.2, 1.0)
            while time.monotonic() < ends:
                events = [
                    event_at(
                        START + timedelta(minutes=chance.randrange(3000)),
                        user_id="mia",
                        client_id="phone-7",
                    )
                    for _ in range(50)
                ]
                sent += await store(writer, organisation, events)
            first.send(signal.SIGKILL)
            second.send(signal.SIGKILL)
    async with worker(database):
        await until(lambda: folded(organisation) >= sent)
    assert folded(organisation) == sent
    assert database.execute("SELECT sum(events)::int FROM app.client_day") == [(sent,)]


@dataclass
class Mortal:
    """A database in a cluster of its own, which may be stopped."""

    postgres: EmbeddedPostgres
    database: MigratedDatabase


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    with cluster() as postgres, Template(postgres).clone() as database:
        yield Mortal(postgres, database)


async def test_a_restart_of_postgres_is_waited_out_and_said_once(mortal: Mortal) -> None:
    organisation = add_organisation(mortal.database)
    async with worker(mortal.database) as running:
        await mortal.postgres.stop()
        await running.heard("waiting for the database")
        await asyncio.sleep(3)
        await mortal.postgres.start()
        await store_one(mortal.database, organisation)
        await until(lambda: folded(organisation) == 1, seconds=15)
        said = [event["message"] for event in running.events()]
        assert said.count("waiting for the database") <= 2  # one for each of its two tasks
        running.send(signal.SIGTERM)
        assert await running.ended(seconds=ENDS_WITHIN_SECONDS) == 0


async def store_one(database: MigratedDatabase, organisation: Organisation) -> None:
    writer = Database(database.urls["footfall_event_ingest"], application_name="test")
    await writer.open()
    await store(writer, organisation, [event_at(START, user_id="mia")])
    await writer.close()


async def test_the_worker_ends_at_once_while_the_database_is_away(mortal: Mortal) -> None:
    async with worker(mortal.database) as running:
        await mortal.postgres.stop()
        await running.heard("waiting for the database")
        running.send(signal.SIGTERM)
        assert await running.ended(seconds=ENDS_WITHIN_SECONDS) == 0
    await mortal.postgres.start()


@pytest.mark.parametrize("missing", ["EVENT_INGEST", "MAINTENANCE"])
async def test_without_one_of_its_urls_it_says_what_to_set(
    database: MigratedDatabase, missing: str
) -> None:
    environ = {
        name: url
        for name, url in database.environ.items()
        if name not in {"FOOTFALL_DATABASE_URL", f"FOOTFALL_{missing}_DATABASE_URL"}
    }
    async with program(WORKER, environ=environ) as running:
        assert await running.ended() == 1
        assert f"FOOTFALL_{missing}_DATABASE_URL" in running.lines[-1]

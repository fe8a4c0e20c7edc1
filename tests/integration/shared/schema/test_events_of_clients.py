"""The index of what happened to clients: made while others write, and after an interruption."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest

from shared.database import Database
from shared.schema import migrate
from tests.integration.shared.schema.test_versions import move
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store

BEFORE, AFTER = "20261121_1500", "20261121_1510"
PARTITION = "events_timeless"
PATIENCE = 60

REVISION = "SELECT version_num FROM app.schema_version"
WHOLE = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'app.events_client'::regclass"
PARTITIONS = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'app.events'::regclass"
INDEXED = """
SELECT count(*) FROM pg_inherits AS i JOIN pg_index AS own ON own.indexrelid = i.inhrelid
WHERE i.inhparent = 'app.events_client'::regclass AND own.indisvalid
"""
BUILDING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%%' AND state = 'active'
  AND wait_event_type = 'Lock'
"""
COLUMNS = """(org_id, client_id, occurred_at, event_id)
    WHERE type_id IN (27, 28) AND client_id IS NOT NULL"""


@pytest.fixture
def earlier(database: MigratedDatabase) -> MigratedDatabase:
    """As it was before the migration."""
    while database.execute(REVISION) != [(BEFORE,)]:
        move(database, migrate._config(), "-1")
    return database


@pytest.fixture
async def writer(database: MigratedDatabase) -> AsyncIterator[Database]:
    opened = Database(database.urls["footfall_event_ingest"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


def whole(database: MigratedDatabase) -> bool:
    """Whether it is valid, and each partition has its part."""
    return database.execute(WHOLE) == [(True,)] and (
        database.execute(INDEXED) == database.execute(PARTITIONS)
    )


async def test_who_writes_does_not_wait_while_it_is_built(
    earlier: MigratedDatabase, organisation: Organisation, writer: Database
) -> None:
    with earlier.connect() as reader:  # who began before it and is not done: it waits for that
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM app.organisations")
        building = asyncio.create_task(asyncio.to_thread(move, earlier, migrate._config(), AFTER))
        try:
            async with asyncio.timeout(PATIENCE):
                while earlier.execute(BUILDING) != [(1,)]:
                    assert not building.done(), "it was built in one go"
                    await asyncio.sleep(0.02)
                stored = await store(writer, organisation, [event_at(datetime.now(UTC))])
            assert stored == 1
            assert not building.done()
        finally:
            reader.execute("ROLLBACK")
            await building
    assert whole(earlier)


@pytest.mark.parametrize("left", ["whole", "broken"])
def test_it_goes_on_after_an_interruption(earlier: MigratedDatabase, left: str) -> None:
    earlier.execute(f"CREATE INDEX events_client ON ONLY app.events {COLUMNS}")
    earlier.execute(f"CREATE INDEX {PARTITION}_client ON app.{PARTITION} {COLUMNS}")
    earlier.execute(
        "UPDATE pg_index SET indisvalid = %s WHERE indexrelid = %s::text::regclass",
        left == "whole",
        f"app.{PARTITION}_client",
        login=None,
    )
    assert not whole(earlier)
    move(earlier, migrate._config(), AFTER)
    assert whole(earlier)


def test_a_partition_made_afterwards_has_its_part(database: MigratedDatabase) -> None:
    database.execute(
        "CREATE TABLE app.events_late PARTITION OF app.events"
        " FOR VALUES FROM ('2900-01-01Z') TO ('2900-02-01Z')"
    )
    assert whole(database)


def test_what_is_there_already_is_left_alone(database: MigratedDatabase) -> None:
    """As in a database whose first partitions were indexed at once, with names of Postgres's."""
    database.execute("DROP INDEX app.events_client")
    database.execute(f"CREATE INDEX events_client ON app.events {COLUMNS}")
    database.execute("UPDATE app.schema_version SET version_num = %s", BEFORE)
    before = database.execute(INDEXED)
    move(database, migrate._config(), AFTER)
    assert whole(database)
    assert database.execute(INDEXED) == before


def test_without_it_the_database_is_that_of_the_version_before(earlier: MigratedDatabase) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        earlier.execute(WHOLE)

"""A dump, restored into another cluster: the commit log goes on, and nothing in it is lost."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.event_ingest.sessions.usecases import Follower
from services.event_ingest.tail.usecases import COMMITS
from shared.clock import SystemClock
from shared.database import Database
from shared.embedded import EmbeddedPostgres, binaries
from shared.schema import logins
from shared.schema.migrate import migrate
from shared.startup import Unmigrated, examine
from tests.integration.shared.schema.test_migrate import catalogue
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, cluster
from tests.storing import event_at, store

AHEAD = 5000
"""Transactions by which the old cluster is ahead of the new one."""

SERVICE = "footfall_event_ingest"


@pytest.fixture
def elsewhere() -> Iterator[EmbeddedPostgres]:
    """A cluster that knows nothing of the other."""
    with cluster() as postgres:
        yield postgres


async def restored(dump: Path, into: EmbeddedPostgres) -> MigratedDatabase:
    """As docs/operations.md says, short of the last step, which migrates."""
    await migrate(into.admin_url, into.data_dir, {})
    urls = logins.urls(into.admin_url, into.data_dir, {})
    database = MigratedDatabase("footfall", into.admin_url, urls, into.data_dir)
    database.execute("DROP OWNED BY footfall_owner, footfall_price_guard", login=None)
    run("pg_restore", into.admin_url, "--single-transaction", "--exit-on-error", str(dump))
    return database


def run(program: str, url: str, *words: str) -> None:
    path = binaries.find() / "bin" / program
    subprocess.run([str(path), "--dbname", url, *words], check=True, capture_output=True)


def move_on(database: MigratedDatabase, transactions: int) -> None:
    database.execute(
        f"DO $$ BEGIN FOR i IN 1 .. {transactions} LOOP"
        " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )


@asynccontextmanager
async def working_on(database: MigratedDatabase) -> AsyncIterator[tuple[Database, Follower]]:
    """The service's login, and who folds sessions with it."""
    writer = Database(database.urls[SERVICE], application_name="test")
    across = Database(database.urls["footfall_maintenance"], application_name="test")
    await writer.open()
    await across.open()
    try:
        yield writer, Follower(writer, across, SystemClock())
    finally:
        await writer.close()
        await across.close()


def last_position(database: MigratedDatabase) -> int:
    [(position,)] = database.execute("SELECT max(position) FROM app.event_log")
    return int(position)


def folded(database: MigratedDatabase) -> int:
    [(events,)] = database.execute("SELECT coalesce(sum(event_count), 0) FROM app.sessions")
    return int(events)


async def followed(writer: Database, organisation: Organisation, after: int) -> list[str]:
    """The ids that a tail sends which stood there."""
    async with writer.tenant_transaction(organisation.tenant()) as transaction:
        org_id = organisation.org_id
        batches, _ = await COMMITS.select_batches(transaction.connection, org_id, after, 100)
    return [str(event_id) for _, event_ids in batches for event_id in event_ids]


async def test_what_was_logged_in_another_cluster_comes_before_what_is_logged_in_this(
    database: MigratedDatabase, elsewhere: EmbeddedPostgres, tmp_path: Path
) -> None:
    move_on(database, AHEAD)
    organisation, now = add_organisation(database), datetime.now(UTC)
    sent = [event_at(now - timedelta(minutes=9 - age), user_id="mia") for age in range(4)]
    async with working_on(database) as (writer, follower):
        await store(writer, organisation, sent[:1])
        while folded(database) < 1:
            await follower.follow()
        place = last_position(database)
        await store(writer, organisation, sent[1:2])
    dump = tmp_path / "footfall.dump"
    run("pg_dump", database.admin_url, "--format", "custom", "--file", str(dump))
    async with working_on(database) as (writer, _):
        await store(writer, organisation, sent[3:])  # of what the dump does not know
    lost = last_position(database)

    new = await restored(dump, elsewhere)
    with pytest.raises(Unmigrated, match="restored from a dump of another cluster"):
        await examine(new.urls[SERVICE])
    await migrate(new.admin_url, new.data_dir, {})
    await examine(new.urls[SERVICE])
    there = Organisation(organisation.org_id, new)
    async with working_on(new) as (writer, follower):
        await store(writer, there, sent[2:3])
        ids = [one.event_id for one in sent]
        assert await followed(writer, there, place) == ids[1:3]
        assert await followed(writer, there, lost) == ids[2:3]
        for _ in range(5):
            await follower.follow()
    assert folded(new) == 3
    assert new.execute("SELECT count(*) FROM app.sessions") == [(1,)]
    before = catalogue(new)
    await migrate(new.admin_url, new.data_dir, {})
    assert catalogue(new) == before


async def test_a_dump_of_a_cluster_that_nobody_remembers_is_found_by_its_positions(
    database: MigratedDatabase, organisation: Organisation
) -> None:
    """As one that an older version wrote, in which nothing says from where it is."""
    async with working_on(database) as (writer, _):
        await store(writer, organisation, [event_at(datetime.now(UTC))])
        database.execute("UPDATE app.event_log SET position = 1::bigint << 33")
        database.execute(
            "CREATE OR REPLACE FUNCTION app.log_cluster() RETURNS bigint LANGUAGE sql IMMUTABLE"
            " PARALLEL SAFE AS 'SELECT 0::bigint'"
        )
        await migrate(database.admin_url, database.data_dir, database.environ)
        await store(writer, organisation, [event_at(datetime.now(UTC))])
        assert len(await followed(writer, organisation, 0)) == 2
    assert last_position(database) > 1 << 33

"""After a crash Postgres gives transaction ids again: those that nobody had committed with durably.

Whoever follows the commit log must not stand on one of them, or what commits with it is passed by.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from services.event_ingest.sessions.usecases import Follower
from services.event_ingest.tail.usecases import COMMITS
from shared.clock import SystemClock
from shared.database import Database
from shared.embedded import EmbeddedPostgres
from shared.identity.identity import Identity, Role
from tests.faults.test_ingest_crashes import a_cluster, kill_all_of_postgres
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store

BURNED = 200
TRIES = 5
LAZY = {"wal_writer_delay": "10s", "autovacuum": "off"}
"""So that ids are not made durable by the way; a flush may come between all the same: hence tries.
"""


@pytest.fixture
def mortal() -> Iterator[tuple[EmbeddedPostgres, MigratedDatabase]]:
    with a_cluster(LAZY) as running:
        yield running


@pytest.fixture
async def logins(
    mortal: tuple[EmbeddedPostgres, MigratedDatabase],
) -> AsyncIterator[tuple[Database, Database]]:
    """Those of the service and of maintenance."""
    urls = mortal[1].urls
    names = ("footfall_event_ingest", "footfall_maintenance")
    opened = [Database(urls[name], application_name="test") for name in names]
    for database in opened:
        await database.open()
    yield opened[0], opened[1]
    for database in opened:
        await database.close()


def folded(organisation: Organisation) -> int:
    [(events,)] = organisation.database.execute(
        "SELECT coalesce(sum(event_count), 0) FROM app.sessions"
    )
    return int(events)


def burn(database: MigratedDatabase) -> int:
    """Take ids and commit nothing with them; the last."""
    with database.connect("footfall_owner") as owner:
        taken = [
            owner.execute("SELECT pg_current_xact_id()::text::bigint").fetchall()[0][0]
            for _ in range(BURNED)
        ]
    return int(taken[-1])


async def test_an_idle_tail_and_an_idle_follower_pass_nothing_by(
    mortal: tuple[EmbeddedPostgres, MigratedDatabase], logins: tuple[Database, Database]
) -> None:
    (postgres, database), (writer, across) = mortal, logins
    organisation = add_organisation(database)
    caller = Identity(organisation.org_id, "backend", Role.SERVICE)
    follower = Follower(writer, across, SystemClock())
    reused = False
    for sent in range(1, 2 * TRIES, 2):
        await store(writer, organisation, [event_at(datetime.now(UTC), user_id="mia")])
        while folded(organisation) < sent:
            await follower.follow()
        await follower.follow()  # finds nothing more, and does not ask again
        burned = burn(database)
        await follower.follow()
        async with writer.tenant_transaction(caller.tenant) as transaction:
            place = await COMMITS.select_place_of_now(transaction.connection, caller.org_id)
        kill_all_of_postgres(postgres)
        await postgres.restart()
        for login in logins:
            await login.purge()
        await store(writer, organisation, [event_at(datetime.now(UTC), user_id="mia")])
        async with writer.tenant_transaction(caller.tenant) as transaction:
            batches, _ = await COMMITS.select_batches(
                transaction.connection, organisation.org_id, place.position
            )
        [(position, _)] = batches
        for _ in range(3):
            await follower.follow()
        assert folded(organisation) == sent + 1
        if reused := position <= burned:
            break
    assert reused, "no id was given twice: the test shows nothing"

"""What ingestion knows of organisations: how old it may be, and who waits for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from services.event_ingest.directory import Directory
from services.event_ingest.event_types.rules import BUILT_IN
from shared.database import Database, Tenant, Transaction
from shared.errors import DatabaseAway, NotFound, Overloaded
from shared.schema import logins
from tests.credentials import StoodClock
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase

SCHEMA = json.dumps({"required": ["plan"]})


class Watched(Database):
    """Counts transactions, and can hold them after they have read."""

    opened = 0
    hold: tuple[asyncio.Event, asyncio.Event] | None = None
    """Set when a transaction is held, and to let it go."""

    @asynccontextmanager
    async def tenant_transaction(self, tenant: Tenant) -> AsyncIterator[Transaction]:
        self.opened += 1
        async with super().tenant_transaction(tenant) as transaction:
            yield transaction
            if self.hold is not None:
                self.hold[0].set()
                await self.hold[1].wait()


@pytest.fixture
async def watched(database: MigratedDatabase) -> AsyncIterator[Watched]:
    opened = Watched(database.urls["footfall_event_ingest"], application_name="test")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> StoodClock:
    return StoodClock()


@pytest.fixture
async def directory(watched: Watched, clock: StoodClock) -> AsyncIterator[Directory]:
    made = Directory(watched, clock, size=3)
    yield made
    await made.close()


def register(organisation: Organisation, type_id: int, name: str, schema: str = "") -> None:
    organisation.database.execute(
        "INSERT INTO app.event_types (org_id, type_id, name, description, properties_schema,"
        " default_impact, retention_days, refuse_from, version)"
        " VALUES (%s, %s, %s, '', %s, 2, 7, '2026-01-01T00:00:00.000001Z', 1)",
        organisation.org_id,
        type_id,
        name,
        schema,
    )


_LOG = """
INSERT INTO app.event_log (org_id, event_ids, type_ids, logged_at)
SELECT %s, array_agg(gen_random_uuid()), '{1}', %s FROM generate_series(1, %s)
"""


def log(organisation: Organisation, events: int, *, logged_at: datetime) -> None:
    """So many events of one commit; when they happened is not in the log."""
    organisation.database.execute(_LOG, organisation.org_id, logged_at, events)


@contextmanager
def a_running_transaction(
    database: MigratedDatabase,
) -> Iterator[Callable[[Organisation, int, datetime], None]]:
    """Which logs and commits at its end: what it says is seen late, at an early position."""
    with database.connect(logins.OWNER) as connection, connection.transaction():

        def logged(organisation: Organisation, events: int, logged_at: datetime) -> None:
            connection.execute(_LOG, (organisation.org_id, logged_at, events))

        yield logged


def take_away(database: MigratedDatabase) -> None:
    """Refuse connections and end those there are."""
    with psycopg.connect(database.admin_url, dbname="postgres", autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false'.encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (database.name,),
        )


async def settled() -> None:
    """Let what runs in the background come to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    loads = [task for task in others if "_load" in str(task.get_coro())]
    await asyncio.gather(*loads, return_exceptions=True)


async def test_it_knows_settings_and_types(
    directory: Directory, organisation: Organisation
) -> None:
    organisation.set("time_zone", "Europe/Vienna")
    organisation.set("currency", "EUR")
    organisation.set("retention_days", 90)
    register(organisation, 1000, "signup", SCHEMA)
    register(organisation, 10, "login")
    known = await directory.get(organisation.org_id)
    assert (known.time_zone, known.currency, known.retention_days) == ("Europe/Vienna", "EUR", 90)
    assert known.types.keys() == BUILT_IN.keys() | {"signup"}
    assert (known.type_names[1000], known.type_names[10]) == ("signup", "login")
    signup, login = known.types["signup"], known.types["login"]
    assert (signup.type_id, signup.impact, signup.retention_days) == (1000, 2, 7)
    assert signup.refuse_from_us == 1_767_225_600_000_001
    assert signup.violations is not None
    assert signup.violations({}) == ['properties: lacks "plan"']
    assert (login.impact, login.violations) == (2, None)
    assert known.types["logout"] is BUILT_IN["logout"]


async def test_the_events_of_the_day_are_counted_where_there_is_a_quota(
    directory: Directory, organisation: Organisation, clock: StoodClock
) -> None:
    """By receipt, from midnight in the zone of the organisation, whenever they happened."""
    organisation.set("time_zone", "Asia/Tokyo")
    tokyo = clock.now().astimezone(UTC) + timedelta(hours=9)
    midnight = datetime(tokyo.year, tokyo.month, tokyo.day, tzinfo=UTC) - timedelta(hours=9)
    log(organisation, 5, logged_at=midnight - timedelta(hours=1))
    log(organisation, 7, logged_at=midnight)
    log(organisation, 11, logged_at=clock.now())
    assert (await directory.get(organisation.org_id)).intake is None
    organisation.set("events_per_day", 100)

    async def received() -> int:
        clock.advance(1.5)
        known = await directory.refreshed(organisation.org_id)
        assert known.intake is not None
        assert known.exceeds_quota(101 - known.intake.events)
        assert not known.exceeds_quota(100 - known.intake.events)
        return known.intake.events

    assert await received() == 18
    log(organisation, 2, logged_at=clock.now())
    assert await received() == 20
    with a_running_transaction(organisation.database) as logged:
        logged(organisation, 3, clock.now())
        log(organisation, 4, logged_at=clock.now())  # beyond the horizon, and counted all the same
        assert await received() == 24
    assert await received() == 27
    assert await received() == 27
    clock.advance(24 * 3600)
    assert await received() == 0


async def test_nobody_waits_for_what_is_known_and_nothing_is_older_than_five_seconds(
    directory: Directory, watched: Watched, organisation: Organisation, clock: StoodClock
) -> None:
    org_id = organisation.org_id
    assert directory.cached(org_id) is None
    first = await directory.get(org_id)
    clock.advance(2.9)
    assert directory.cached(org_id) is first
    assert watched.opened == 1
    organisation.set("currency", "CHF")
    clock.advance(0.2)
    assert directory.cached(org_id) is first, "the renewal goes on behind its back"
    await settled()
    renewed = directory.cached(org_id)
    assert renewed is not None
    assert renewed.currency == "CHF"
    clock.advance(5.1)
    assert directory.cached(org_id) is None
    assert watched.opened == 2


async def test_many_who_ask_at_once_cause_one_reading(
    directory: Directory, watched: Watched, organisation: Organisation
) -> None:
    asked = [directory.get(organisation.org_id) for _ in range(50)]
    known = await asyncio.gather(*asked, directory.refreshed(organisation.org_id))
    assert all(one is known[0] for one in known)
    assert watched.opened == 1


async def test_one_who_gives_up_does_not_end_it_for_the_others(
    directory: Directory, organisation: Organisation
) -> None:
    impatient = asyncio.create_task(directory.get(organisation.org_id))
    patient = asyncio.create_task(directory.get(organisation.org_id))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).org_id == organisation.org_id


async def test_a_forced_reading_happens_once_a_second_at_most(
    directory: Directory, watched: Watched, organisation: Organisation, clock: StoodClock
) -> None:
    org_id = organisation.org_id
    first = await directory.get(org_id)
    register(organisation, 1000, "signup")
    assert await directory.refreshed(org_id) is first
    clock.advance(1.0)
    assert "signup" in (await directory.refreshed(org_id)).types
    assert watched.opened == 2


async def test_a_schema_is_compiled_again_only_when_it_changed(
    directory: Directory, organisation: Organisation, clock: StoodClock
) -> None:
    register(organisation, 1000, "signup", SCHEMA)
    register(organisation, 1001, "trial", SCHEMA)
    before = await directory.get(organisation.org_id)
    organisation.database.execute(
        "UPDATE app.event_types SET properties_schema = 'false', version = 2 WHERE name = 'signup'"
    )
    clock.advance(1.0)
    after = await directory.refreshed(organisation.org_id)
    assert after.types["trial"] is before.types["trial"]
    changed = after.types["signup"].violations
    assert changed is not None
    assert changed({"plan": 1})


async def test_what_was_changed_here_is_read_again_at_once(
    directory: Directory, watched: Watched, organisation: Organisation
) -> None:
    """Also when a reading was under way that began before the change."""
    org_id = organisation.org_id
    await directory.get(org_id)
    directory.forget(org_id)
    held, go_on = watched.hold = asyncio.Event(), asyncio.Event()
    before = asyncio.create_task(directory.get(org_id))
    await held.wait()
    register(organisation, 1000, "signup")
    directory.forget(org_id)
    after = asyncio.create_task(directory.get(org_id))
    await asyncio.sleep(0)
    go_on.set()
    assert "signup" not in (await before).types
    assert "signup" in (await after).types
    cached = directory.cached(org_id)
    assert cached is not None
    assert "signup" in cached.types


async def test_it_remembers_a_bounded_number_of_organisations(
    directory: Directory, database: MigratedDatabase
) -> None:
    several = [add_organisation(database, f"Organisation {number}").org_id for number in range(5)]
    for org_id in several:
        await directory.get(org_id)
    assert [directory.cached(org_id) is not None for org_id in several] == [
        False, False, True, True, True,
    ]  # fmt: skip


async def test_an_organisation_that_is_not_there_is_not_found(
    directory: Directory, organisation: Organisation, clock: StoodClock
) -> None:
    with pytest.raises(NotFound):
        await directory.get(uuid4())
    await directory.get(organisation.org_id)
    organisation.database.execute(
        "DELETE FROM app.organisations WHERE org_id = %s", organisation.org_id
    )
    clock.advance(6)
    with pytest.raises(NotFound):
        await directory.get(organisation.org_id)


async def test_while_the_database_is_away_the_known_serve_for_a_minute(
    directory: Directory, watched: Watched, organisation: Organisation, clock: StoodClock
) -> None:
    org_id = organisation.org_id
    known = await directory.get(org_id)
    take_away(organisation.database)
    clock.advance(6)
    assert await directory.get(org_id) is known
    asked = watched.opened
    for _ in range(20):  # nobody waits again for a database that was away just now
        assert await directory.get(org_id) is known
    assert watched.opened == asked
    clock.advance(53)
    assert await directory.get(org_id) is known
    clock.advance(2)
    with pytest.raises((DatabaseAway, Overloaded)):
        await directory.get(org_id)
    with pytest.raises((DatabaseAway, Overloaded)):
        await directory.get(uuid4())

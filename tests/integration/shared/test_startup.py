"""What a service waits for and what it refuses, each by really making the database so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared import startup
from shared.embedded import EmbeddedPostgres
from shared.refusal import StartRefused
from shared.schema.migrate import migrate
from shared.schema.revision import MIGRATION_LOCK, newest_revision
from shared.startup import examine, wait_for_database
from tests.postgres import Connection, MigratedDatabase, Template, cluster

SERVICE = "footfall_event_ingest"
REFUSES_WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A cluster of these tests alone: they spoil what belongs to all databases of it."""
    with cluster() as running:
        yield running


@pytest.fixture(scope="module")
def own_template(postgres: EmbeddedPostgres) -> Template:
    return Template(postgres)


@pytest.fixture
def database(own_template: Template) -> Iterator[MigratedDatabase]:
    with own_template.clone() as clone:
        yield clone


@pytest.fixture
def admin(database: MigratedDatabase) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


@contextmanager
def changed(admin: Connection, change: str, back: str) -> Iterator[None]:
    admin.execute(change.encode())
    try:
        yield
    finally:
        admin.execute(back.encode())


async def refusal(url: str, grace_seconds: float = 0.0) -> str:
    began = time.monotonic()
    with pytest.raises(StartRefused) as refused:
        await wait_for_database(url, report=lambda _: None, grace_seconds=grace_seconds)
    assert time.monotonic() - began < REFUSES_WITHIN_SECONDS
    return str(refused.value)


async def test_every_login_of_a_service_starts_on_a_migrated_database(
    database: MigratedDatabase,
) -> None:
    for login in ("footfall_event_ingest", "footfall_insight", "footfall_journey"):
        assert await examine(database.urls[login]) == []


async def test_maintenance_starts_only_where_bypassing_is_its_job(
    database: MigratedDatabase,
) -> None:
    url = database.urls["footfall_maintenance"]
    assert await examine(url, crosses_organisations=True) == []
    assert "BYPASSRLS" in await refusal(url)


async def test_an_old_server_is_refused(
    database: MigratedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "OLDEST_POSTGRES", 99)
    said = await refusal(database.urls[SERVICE])
    assert "is too old: Footfall needs 99 or later" in said


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_forgets_is_refused(
    database: MigratedDatabase, admin: Connection, setting: str
) -> None:
    with changed(admin, f"ALTER SYSTEM SET {setting} = off", f"ALTER SYSTEM RESET {setting}"):
        admin.execute("SELECT pg_reload_conf()")
        await until_seen(admin, setting, "off")
        assert f"{setting} is off" in await refusal(database.urls[SERVICE])
    admin.execute("SELECT pg_reload_conf()")
    await until_seen(admin, setting, "on")


@pytest.mark.parametrize(
    "spoil",
    [
        "ALTER ROLE footfall_event_ingest IN DATABASE {} SET synchronous_commit = off",
        "ALTER DATABASE {} SET synchronous_commit = off",
    ],
)
async def test_a_session_that_forgets_is_refused(
    database: MigratedDatabase, admin: Connection, spoil: str
) -> None:
    admin.execute(spoil.format(database.name).encode())
    said = await refusal(database.urls[SERVICE])
    assert "synchronous_commit is off in the session of footfall_event_ingest" in said


async def test_an_url_that_turns_safety_off_is_refused(database: MigratedDatabase) -> None:
    url = make_conninfo(database.urls[SERVICE], options="-c synchronous_commit=off")
    assert "synchronous_commit is off" in await refusal(url)


@pytest.mark.parametrize(
    ("power", "without", "named"),
    [
        ("ALTER ROLE footfall_insight SUPERUSER", "NOSUPERUSER", "a superuser"),
        ("ALTER ROLE footfall_insight BYPASSRLS", "NOBYPASSRLS", "BYPASSRLS"),
    ],
)
async def test_a_login_above_the_walls_is_refused(
    database: MigratedDatabase, admin: Connection, power: str, without: str, named: str
) -> None:
    with changed(admin, power, f"ALTER ROLE footfall_insight {without}"):
        said = await refusal(database.urls["footfall_insight"])
    assert said.startswith(f"The login footfall_insight is {named}:")


async def test_a_login_that_owns_a_table_is_refused(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("ALTER TABLE app.sessions OWNER TO footfall_event_ingest")
    assert "is owner of sessions" in await refusal(database.urls[SERVICE])


async def test_a_login_that_may_become_somebody_mighty_is_refused(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("CREATE ROLE stepping_stone NOLOGIN")
    admin.execute("GRANT footfall_owner TO stepping_stone WITH INHERIT FALSE, SET TRUE")
    admin.execute("GRANT stepping_stone TO footfall_event_ingest")
    try:
        said = await refusal(database.urls[SERVICE])
    finally:
        admin.execute("DROP ROLE stepping_stone")
    assert "BYPASSRLS, through the role footfall_owner that it may become" in said


@pytest.mark.parametrize(
    ("spoil", "table"),
    [
        ("ALTER TABLE app.events NO FORCE ROW LEVEL SECURITY", "events"),
        ("ALTER TABLE app.members DISABLE ROW LEVEL SECURITY", "members"),
        ("GRANT SELECT ON app.events_timeless TO footfall_event_ingest", "events_timeless"),
        ("GRANT SELECT (data) ON app.events_timeless TO PUBLIC", "events_timeless"),
        ("GRANT TRUNCATE ON app.events_timeless TO footfall_event_ingest", "events_timeless"),
        (
            "CREATE TABLE app.notes (org_id uuid); GRANT INSERT ON app.notes TO PUBLIC",
            "notes",
        ),
    ],
)
async def test_a_table_without_its_wall_is_refused(
    database: MigratedDatabase, admin: Connection, spoil: str, table: str
) -> None:
    admin.execute(spoil.encode())
    said = await refusal(database.urls[SERVICE])
    assert said.startswith(f"Row-level security is not forced on {table}, ")


async def test_a_table_without_wall_that_the_login_cannot_touch_is_no_matter(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("CREATE TABLE app.notes (org_id uuid)")
    assert await examine(database.urls[SERVICE]) == []


@pytest.mark.parametrize(
    ("spoil", "mend", "table"),
    [
        ("GRANT UPDATE (amount_minor) ON app.price_versions TO footfall_event_ingest", "",
         "price_versions"),
        ("GRANT DELETE ON app.price_notices TO PUBLIC", "", "price_notices"),
        ("GRANT footfall_price_guard TO footfall_event_ingest",
         "REVOKE footfall_price_guard FROM footfall_event_ingest", "approval_revisions, "),
    ],
)  # fmt: skip
async def test_a_login_that_writes_prices_is_refused(
    database: MigratedDatabase, admin: Connection, spoil: str, mend: str, table: str
) -> None:
    admin.execute(spoil.encode())
    try:
        said = await refusal(database.urls[SERVICE])
    finally:  # roles outlive the database
        admin.execute(mend.encode())
    assert said.startswith(f"The login {SERVICE} may write {table}")


async def test_a_schema_older_than_the_code_is_refused(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("UPDATE app.schema_version SET version_num = '20200101_0000'")
    said = await refusal(database.urls[SERVICE])
    assert f"at 20200101_0000, older than this code, which needs {newest_revision()}" in said
    assert "Run `footfall migrate`" in said


async def test_a_schema_newer_than_the_code_is_used_and_said(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("UPDATE app.schema_version SET version_num = '29990101_0000'")
    said: list[str] = []
    await wait_for_database(database.urls[SERVICE], report=said.append)
    assert len(said) == 1, said
    assert said[0].startswith("The schema is at 29990101_0000, newer than this code, which knows")


async def test_a_database_without_schema_is_refused(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("DROP SCHEMA app CASCADE")
    said = await refusal(database.urls[SERVICE], grace_seconds=startup._GRACE_SECONDS)
    assert "has no schema of Footfall" in said


@pytest.mark.parametrize(
    "wrong",
    [{"password": "guessed"}, {"user": "footfall_nobody"}, {"dbname": "nowhere"}],
)
async def test_a_server_that_refuses_the_login_is_refused(
    database: MigratedDatabase, wrong: dict[str, str]
) -> None:
    said = await refusal(make_conninfo(database.urls[SERVICE], **wrong))
    login = wrong.get("user", SERVICE)
    assert f"refuses the login {login}: " in said
    assert "Run `footfall migrate`" in said
    assert f"correct {login.upper()}_DATABASE_URL" in said


async def test_what_is_no_url_is_refused() -> None:
    assert "The database URL of this service is none" in await refusal("postgres-at-home")


async def test_a_refusal_keeps_the_password_to_itself(database: MigratedDatabase) -> None:
    url = make_conninfo(database.urls[SERVICE], password="a-secret-guess")
    assert "a-secret-guess" not in await refusal(url)


async def test_a_running_migration_is_waited_for(
    database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("UPDATE app.schema_version SET version_num = '20200101_0000'")
    admin.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
    said: list[str] = []
    waiting = asyncio.create_task(
        wait_for_database(database.urls[SERVICE], report=said.append, grace_seconds=0.0)
    )
    await asyncio.sleep(0.6)
    assert not waiting.done()
    assert said == ["The database is being migrated."]
    admin.execute("UPDATE app.schema_version SET version_num = %s", (newest_revision(),))
    admin.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
    await asyncio.wait_for(waiting, 1.0)


async def test_a_migration_of_another_database_is_not_waited_for(
    database: MigratedDatabase, own_template: Template
) -> None:
    with own_template.clone() as neighbour, neighbour.connect() as busy:
        busy.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        assert await examine(database.urls[SERVICE]) == []


async def test_who_starts_together_with_migrate_finds_its_schema(
    postgres: EmbeddedPostgres, database: MigratedDatabase, admin: Connection
) -> None:
    admin.execute("DROP SCHEMA app CASCADE")
    waiting = asyncio.create_task(wait_for_database(database.urls[SERVICE], report=lambda _: None))
    await asyncio.sleep(0.5)
    await migrate(database.admin_url, postgres.data_dir, {})
    await asyncio.wait_for(waiting, 2.0)


async def test_a_server_that_is_away_is_waited_for(
    postgres: EmbeddedPostgres, database: MigratedDatabase
) -> None:
    await postgres.stop()
    said: list[str] = []
    waiting = asyncio.create_task(wait_for_database(database.urls[SERVICE], report=said.append))
    try:
        await asyncio.sleep(1.0)
        assert not waiting.done()
    finally:
        postgres.port = int(conninfo_to_dict(database.admin_url)["port"] or 0)
        await postgres.start()
    await asyncio.wait_for(waiting, 3.0)
    assert "is away" in said[0]


async def test_a_server_without_a_free_connection_is_waited_for(
    database: MigratedDatabase, admin: Connection
) -> None:
    url = database.urls[SERVICE]
    with changed(
        admin,
        f"ALTER DATABASE {database.name} CONNECTION LIMIT 0",
        f"ALTER DATABASE {database.name} CONNECTION LIMIT -1",
    ):
        waiting = asyncio.create_task(wait_for_database(url, report=lambda _: None))
        await asyncio.sleep(3.0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 2.0)


@pytest.mark.parametrize(
    ("version", "leaks"),
    [(150_013, True), (150_014, False), (160_009, True), (170_006, False), (180_000, False)],
)
def test_minor_versions_that_leak_statistics_are_named(version: int, *, leaks: bool) -> None:
    assert bool(startup._leaks(version)) is leaks


async def until_seen(admin: Connection, setting: str, value: str) -> None:
    """A reload reaches other processes in a moment; new sessions begin with what is then set."""
    for _ in range(100):
        await asyncio.sleep(0.02)
        row = admin.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if row == (value,):
            return
    raise AssertionError(f"{setting} did not become {value}")

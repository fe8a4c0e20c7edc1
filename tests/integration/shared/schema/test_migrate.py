"""Migrating: by whom, again, by several at once; and that it makes what the code describes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, inspect

from shared.refusal import StartRefused
from shared.schema import metadata
from shared.schema.migrate import migrate
from shared.schema.revision import newest_revision
from tests.postgres import MigratedDatabase, cluster

CATALOGUE = (
    """SELECT relname, relkind, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class
       WHERE relnamespace = 'app'::regnamespace ORDER BY relname""",
    "SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY polname",
    """SELECT proname, proacl::text, prosrc FROM pg_proc
       WHERE pronamespace = 'app'::regnamespace ORDER BY proname""",
    "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname IN ('app', 'public') ORDER BY 1",
    "SELECT datacl::text FROM pg_database WHERE datname = current_database()",
)
"""All that a migration makes, as the database describes it."""


def test_the_tables_are_what_the_code_says(database: MigratedDatabase) -> None:
    partitions = database.execute("SELECT relname FROM pg_class WHERE relispartition")
    hidden = {"schema_version", *(name for (name,) in partitions)}
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(database.admin_url),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == "app",
                "include_object": lambda _, name, *__: name not in hidden,
                "compare_server_default": True,
            },
        )
        assert [found for found in compare_metadata(context, metadata) if not _note(found)] == []
        seen = inspect(connection)
        for table in metadata.sorted_tables:  # alembic does not look at primary keys
            key = seen.get_pk_constraint(table.name, schema="app")["constrained_columns"]
            assert key == [column.name for column in table.primary_key], table.name


def _note(difference: object) -> bool:
    """Comments of columns are for those who read the code."""
    return isinstance(difference, list) and {part[0] for part in difference} == {"modify_comment"}


async def test_migrating_again_changes_nothing(database: MigratedDatabase) -> None:
    before = catalogue(database)
    await migrate(database.admin_url, database.data_dir, database.environ)
    assert catalogue(database) == before


async def test_many_may_migrate_at_once(database: MigratedDatabase) -> None:
    before = catalogue(database)
    database.execute("DROP SCHEMA app CASCADE", login=None)
    migrating = [migrate(database.admin_url, database.data_dir, database.environ) for _ in range(3)]
    await asyncio.gather(*migrating)
    assert catalogue(database) == before
    revisions = database.execute("SELECT version_num FROM app.schema_version")
    assert revisions == [(newest_revision(),)]


def catalogue(database: MigratedDatabase) -> list[object]:
    return [database.execute(query, login=None) for query in CATALOGUE]


@pytest.fixture
def managed() -> Iterator[MigratedDatabase]:
    """What a provider sells: an administrator who is no superuser, of a database that it owns."""
    with cluster() as postgres:
        with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
            admin.execute("CREATE ROLE boss LOGIN CREATEROLE CREATEDB BYPASSRLS PASSWORD 'boss'")
            admin.execute("CREATE DATABASE managed OWNER boss")
        url = postgres.admin_url.replace(postgres.admin_url.split("@")[0], "postgres://boss:boss")
        url = url.replace("/footfall", "/managed")
        yield MigratedDatabase("managed", url, {}, postgres.data_dir)


async def test_an_administrator_need_not_be_superuser(managed: MigratedDatabase) -> None:
    for _ in range(2):
        await migrate(managed.admin_url, managed.data_dir, {})


async def test_an_administrator_who_may_not_create_logins_hears_what_to_grant(
    managed: MigratedDatabase,
) -> None:
    managed.execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'", login=None)
    clerk = managed.admin_url.replace("boss:boss", "clerk:clerk")
    with pytest.raises(StartRefused, match="Give it CREATEROLE and BYPASSRLS, or superuser"):
        await migrate(clerk, managed.data_dir, {})

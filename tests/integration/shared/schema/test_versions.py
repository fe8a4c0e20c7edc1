"""Each migration on a populated database: up, down, up, and nothing that was stored is lost."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from psycopg import sql
from sqlalchemy import NullPool, create_engine

from shared.schema import migrate
from shared.schema.revision import newest_revision
from tests.postgres import MigratedDatabase, Template
from tests.security.catalogue import tenant_tables
from tests.security.ground import plant

SAMPLE = """
    revision = "29990101_0000"
    down_revision = {newest!r}

    from alembic import op

    def upgrade():
        op.execute("SET LOCAL lock_timeout = '5s'")
        op.execute("ALTER TABLE app.members ADD COLUMN note text")
        op.execute("UPDATE app.members SET note = subject")

    def downgrade():
        op.execute({downgrade!r})
"""
FIRST = "20261121_0900"
GOOD = "ALTER TABLE app.members DROP COLUMN note"
LOSSY = f"{GOOD}; UPDATE app.members SET role = 'admin'"


@pytest.fixture(scope="module")
def populated(template: Template) -> Iterator[MigratedDatabase]:
    with template.clone() as database:
        plant(database)
        yield database


@pytest.fixture
def database(template: Template, populated: MigratedDatabase) -> Iterator[MigratedDatabase]:
    with template.clone(of=populated.name) as clone:
        yield clone


def versions() -> Sequence[Script]:
    """The migrations of the code, the oldest first."""
    return list(ScriptDirectory.from_config(migrate._config()).walk_revisions())[::-1]


def test_the_newest_revision_is_the_last_of_the_chain() -> None:
    assert versions()[-1].revision == newest_revision()


def test_every_migration_goes_up_down_and_up_again(database: MigratedDatabase) -> None:
    config = migrate._config()
    for version in reversed(versions()[1:]):
        round_trip(database, config, version.revision)
        move(database, config, "-1")


def test_a_sample_goes_up_down_and_up_again(database: MigratedDatabase, tmp_path: Path) -> None:
    """So that the test above is known to work while there is little for it to do."""
    config = sampled(tmp_path, GOOD)
    move(database, config, "29990101_0000")
    round_trip(database, config, "29990101_0000")


def test_a_downgrade_that_loses_data_is_noticed(database: MigratedDatabase, tmp_path: Path) -> None:
    config = sampled(tmp_path, LOSSY)
    move(database, config, "29990101_0000")
    with pytest.raises(AssertionError, match="is lost"):
        round_trip(database, config, "29990101_0000")


def test_the_first_migration_has_no_way_back(database: MigratedDatabase) -> None:
    move(database, migrate._config(), FIRST)
    before = contents(database)
    with pytest.raises(NotImplementedError):
        move(database, migrate._config(), "base")
    assert contents(database) == before


@pytest.mark.parametrize("version", versions(), ids=lambda version: version.revision)
def test_a_migration_is_named_by_its_time_and_waits_for_no_lock_for_long(version: Script) -> None:
    path = Path(version.path)
    assert path.name.startswith(f"{version.revision}_"), "the file begins with its revision"
    assert len(version.revision) == len("20261121_0900"), "which is a date and a time"
    assert version.revision > str(version.down_revision or ""), "later than the one before"
    assert "SET LOCAL lock_timeout" in path.read_text(), "and gives up rather than block writers"


def round_trip(database: MigratedDatabase, config: Config, revision: str) -> None:
    """One step down and up again, from `revision`: what both versions know must survive."""
    before, columns = contents(database), shape(database)
    move(database, config, "-1")
    older = shape(database)
    lost = {table: names - older.get(table, set()) for table, names in columns.items()}
    move(database, config, revision)
    assert shape(database) == columns, f"after {revision} down and up the tables differ"
    after = contents(database, leaving_out=lost)
    kept = {table: without(rows, lost[table]) for table, rows in before.items()}
    assert after == kept, f"what was stored before {revision} went down is lost"


Rows = list[dict[str, object]]


def contents(
    database: MigratedDatabase, leaving_out: dict[str, set[str]] | None = None
) -> dict[str, Rows]:
    """Every row of every table of tenants; without the columns that only the newer version has."""
    with database.connect() as admin:
        return {
            table.name: without(
                [
                    row
                    for (row,) in admin.execute(
                        sql.SQL("SELECT to_jsonb(t) FROM app.{} t ORDER BY t::text").format(
                            sql.Identifier(table.name)
                        )
                    )
                ],
                (leaving_out or {}).get(table.name, set()),
            )
            for table in tenant_tables(admin)
        }


def without(rows: Rows, columns: set[str]) -> Rows:
    kept = [{name: row[name] for name in row.keys() - columns} for row in rows]
    return sorted(kept, key=lambda row: str(sorted(row.items())))


def shape(database: MigratedDatabase) -> dict[str, set[str]]:
    with database.connect() as admin:
        return {t.name: {column.name for column in t.columns} for t in tenant_tables(admin)}


def sampled(directory: Path, downgrade: str) -> Config:
    """The migrations of the code and one more."""
    config, newest = migrate._config(), newest_revision()
    (directory / "29990101_0000_sample.py").write_text(
        textwrap.dedent(SAMPLE.format(newest=newest, downgrade=downgrade))
    )
    own = Path(config.get_main_option("script_location") or "") / "versions"
    config.set_main_option("version_path_separator", "os")
    config.set_main_option("version_locations", f"{own}:{directory}")
    return config


def move(database: MigratedDatabase, config: Config, revision: str) -> None:
    """Up or down to the revision, as the owner."""
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(database.urls["footfall_owner"]),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        down = revision in {"-1", FIRST, "base"}
        step = command.downgrade if down else command.upgrade
        step(config, revision)
        connection.commit()

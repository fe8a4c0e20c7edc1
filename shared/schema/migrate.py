"""Bring a database to the schema of this code: logins first, then the migrations, as their owner.

Safe to run again and from several places at once: an advisory lock lets one work and the others
wait. Services see the lock and wait with it (`shared/startup.py`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import NullPool, create_engine

from shared.data_dir import DataDir
from shared.refusal import StartRefused
from shared.schema import commit_log, logins
from shared.schema.metadata import SCHEMA
from shared.schema.price_guard import GUARD
from shared.schema.revision import MIGRATION_LOCK, OLDEST_POSTGRES

_LOOK_SECONDS = 0.2


async def migrate(
    admin_url: str,
    data_dir: DataDir,
    environ: Mapping[str, str] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Create logins and schema, or bring them up to date. `report` hears of each step.

    Raises StartRefused when the server is too old or the administrator may not do what is needed.
    """
    environment = os.environ if environ is None else environ
    await asyncio.to_thread(_migrate, admin_url, data_dir, environment, report)


def _migrate(
    admin_url: str, data_dir: DataDir, environ: Mapping[str, str], report: Callable[[str], None]
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        _refuse_old_server(admin)
        _wait_for_turn(admin)
        report("logins")
        try:
            _create_logins(admin, data_dir, environ)
        except psycopg.errors.InsufficientPrivilege as error:
            raise StartRefused(
                f"The administrator login of FOOTFALL_DATABASE_URL may not create logins: "
                f"{error.diag.message_primary}. Give it CREATEROLE and BYPASSRLS, or superuser "
                "(before Postgres 16 only that)."
            ) from error
        report("schema")
        owner = logins.url(logins.LOGINS[0], admin_url, data_dir, environ)
        _upgrade(owner)
        report("done")


def _wait_for_turn(admin: psycopg.Connection) -> None:
    """Asks again and again: a statement that waits holds a snapshot.

    For that an index that is built concurrently would wait, by who holds the lock.
    """
    while admin.execute("SELECT pg_try_advisory_lock(%s)", (MIGRATION_LOCK,)).fetchone() != (True,):
        time.sleep(_LOOK_SECONDS)


def _refuse_old_server(admin: psycopg.Connection) -> None:
    if admin.info.server_version // 10_000 < OLDEST_POSTGRES:
        raise StartRefused(
            f"Postgres {admin.info.server_version // 10_000} is too old: "
            f"Footfall needs {OLDEST_POSTGRES} or later."
        )


def _create_logins(
    admin: psycopg.Connection, data_dir: DataDir, environ: Mapping[str, str]
) -> None:
    for login in logins.LOGINS:
        _create_or_correct(admin, login, logins.password(login, data_dir, environ))
    _create_guard(admin)
    database, owner = sql.Identifier(admin.info.dbname), sql.Identifier(logins.OWNER)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    admin.execute(sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
    for login in logins.LOGINS:
        admin.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                database, sql.Identifier(login.name)
            )
        )
    admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, owner))


def _create_guard(admin: psycopg.Connection) -> None:
    """The role that owns the functions of prices; the owner of the schema may hand them to it."""
    guard, owner = sql.Identifier(GUARD), sql.Identifier(logins.OWNER)
    if admin.execute("SELECT FROM pg_roles WHERE rolname = %s", (GUARD,)).fetchone() is None:
        admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOBYPASSRLS").format(guard))
    admin.execute(sql.SQL("GRANT {} TO {}").format(guard, owner))


def _create_or_correct(admin: psycopg.Connection, login: logins.Login, password: str) -> None:
    found = admin.execute(
        "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", (login.name,)
    ).fetchone()
    statement = "CREATE ROLE {} " if found is None else "ALTER ROLE {} "
    # Only a superuser may as much as mention SUPERUSER of a role that is there.
    if found != (False, login.attributes == "BYPASSRLS"):
        statement += f"NOSUPERUSER {login.attributes} "
    # Hashed here: the text of a statement may end up in the server's log.
    secret = admin.pgconn.encrypt_password(password.encode(), login.name.encode(), b"scram-sha-256")
    admin.execute(
        sql.SQL(statement + "LOGIN PASSWORD {}").format(
            sql.Identifier(login.name), sql.Literal(secret.decode())
        )
    )


def _upgrade(owner_url: str) -> None:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(owner_url), poolclass=NullPool
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            commit_log.settle(connection)
            connection.commit()
    finally:
        engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config

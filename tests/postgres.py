"""A real Postgres for tests: a cluster per test session (or worker of one), a clone per test.

Everything here is synchronous, so that fixtures of a session can hold it across event loops. Data
live in memory where there is room: making a clone means some hundred files, and a disk takes twenty
times as long over them. `fsync` stays on all the same: the services refuse a database without it.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from shared.data_dir import DataDir
from shared.embedded import EmbeddedPostgres
from shared.schema import logins
from shared.schema.migrate import migrate

Connection = psycopg.Connection[tuple[Any, ...]]

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 * 1024**3


@contextmanager
def scratch_data_dir(*, on_disk: bool = False) -> Iterator[DataDir]:
    """A data directory that Postgres' account can reach, which pytest's `tmp_path` is not."""
    root = Path(tempfile.mkdtemp(prefix="footfall-test-", dir=None if on_disk else _memory()))
    try:
        yield DataDir(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def cluster(
    settings: Mapping[str, str] | None = None, *, on_disk: bool = False
) -> Iterator[EmbeddedPostgres]:
    """A cluster of its own on a free port, gone afterwards."""
    with scratch_data_dir(on_disk=on_disk) as data_dir:
        postgres = EmbeddedPostgres(data_dir, settings=settings)
        asyncio.run(postgres.start())
        try:
            yield postgres
        finally:
            asyncio.run(postgres.stop())


@dataclass(frozen=True)
class MigratedDatabase:
    """A database of the newest schema, of one test alone."""

    name: str
    admin_url: str
    urls: Mapping[str, str]
    """The URL of every login, by its name."""
    data_dir: DataDir
    """Where the logins' passwords are, for what is started on this database."""

    @property
    def environ(self) -> dict[str, str]:
        """What points a service, or `migrate`, to this database."""
        own = {f"{login.upper()}_DATABASE_URL": url for login, url in self.urls.items()}
        return {"FOOTFALL_DATABASE_URL": self.admin_url, **own}

    def connect(self, login: str | None = None) -> Connection:
        """A connection in autocommit: of the login, or of the administrator. The caller closes."""
        url = self.admin_url if login is None else self.urls[login]
        return psycopg.connect(url, autocommit=True)

    def execute(
        self, query: str, *parameters: object, login: str | None = logins.OWNER
    ) -> list[Any]:
        """One statement as the owner, who bypasses row-level security; its rows, if it has any."""
        with self.connect(login) as connection:
            cursor = connection.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description else []


class Template:
    """A migrated database and its clones. Logins belong to the cluster: all clones share them."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._postgres = postgres
        self._numbers = itertools.count(1)
        asyncio.run(migrate(postgres.admin_url, postgres.data_dir, {}))

    @contextmanager
    def clone(self, of: str = "footfall") -> Iterator[MigratedDatabase]:
        """A fresh clone, dropped afterwards whoever is still connected."""
        name = f"clone_{next(self._numbers)}"
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(of)
            )
        )
        # A clone does not inherit who may connect to it.
        self._execute(
            sql.SQL(
                "UPDATE pg_database SET datacl = t.datacl FROM pg_database t"
                " WHERE pg_database.datname = {} AND t.datname = {}"
            ).format(name, of)
        )
        try:
            yield self._named(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(_at(self._postgres.admin_url, "postgres"), autocommit=True) as admin:
            admin.execute(statement)

    def _named(self, name: str) -> MigratedDatabase:
        admin_url = _at(self._postgres.admin_url, name)
        data_dir = self._postgres.data_dir
        return MigratedDatabase(name, admin_url, logins.urls(admin_url, data_dir, {}), data_dir)


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _memory() -> Path | None:
    """The directory in memory, None when it is missing or small, as it is in many containers."""
    try:
        return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else None
    except OSError:
        return None

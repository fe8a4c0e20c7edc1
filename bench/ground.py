"""What a bench stands on: an embedded Postgres on disk, an organisation, services as programs.

Everything is started for the run, on free ports of loopback and in a scratch directory, and gone
afterwards. The directory is on a disk on purpose: in memory a commit would cost nothing.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.program import Program, started
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.embedded import EmbeddedPostgres
from shared.identity.administration import credentials, organisations
from shared.identity.administration.credentials import KeyWish
from shared.identity.administration.desk import open_desk
from shared.identity.administration.organisations import OrganisationSettings
from shared.identity.identity import Role
from shared.schema import logins
from shared.schema.migrate import migrate

_TEMPLATE = "footfall"


@dataclass(frozen=True, slots=True)
class Base:
    """A migrated database with one organisation, and the key of its backend."""

    name: str
    admin_url: str
    urls: Mapping[str, str]
    data_dir: DataDir
    org_id: Any = None
    key: str = ""

    def execute(self, query: str, *parameters: object) -> list[Any]:
        """One statement as the owner, whom row-level security does not bind."""
        with psycopg.connect(self.urls[logins.OWNER], autocommit=True) as connection:
            cursor = connection.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def administer(self, *statements: str) -> None:
        """Statements as the superuser, each on its own."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self) -> int:
        """How many events there are."""
        return int(self.execute("SELECT count(*) FROM app.events")[0][0])

    @property
    def environ(self) -> dict[str, str]:
        """What points a service to this database."""
        own = {f"{login.upper()}_DATABASE_URL": url for login, url in self.urls.items()}
        return {"FOOTFALL_DATA_DIR": str(self.data_dir.root), **own}


@dataclass
class Ground:
    """The cluster of one claim."""

    postgres: EmbeddedPostgres
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def base(self) -> AsyncIterator[Base]:
        """A database with an organisation that keeps events for ever; dropped afterwards."""
        name = f"bench_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, _TEMPLATE)
        try:
            yield await self._peopled(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)

    async def _peopled(self, name: str) -> Base:
        data_dir = self.postgres.data_dir
        admin_url = _at(self.postgres.admin_url, name)
        urls = logins.urls(admin_url, data_dir, {})
        with psycopg.connect(admin_url, autocommit=True) as admin:
            # A clone does not inherit who may connect to it.
            for login in urls:
                grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
                admin.execute(grant.format(sql.Identifier(name), sql.Identifier(login)))
        async with open_desk(urls[logins.OWNER], SystemClock(), "bench") as desk:
            org_id = await organisations.create(
                desk, OrganisationSettings("Bench", retention_days=None)
            )
            made = await credentials.create_key(desk, org_id, KeyWish(Role.SERVICE, "backend"))
        return Base(name, admin_url, urls, data_dir, org_id, made.key.text)

    def _execute(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(_at(self.postgres.admin_url, "postgres"), autocommit=True) as admin:
            admin.execute(statement.format(*map(sql.Identifier, names)))


@asynccontextmanager
async def prepared() -> AsyncIterator[Ground]:
    """A migrated cluster in a scratch directory."""
    with scratch() as root:
        async with EmbeddedPostgres(DataDir.at(root).prepare()) as postgres:
            await migrate(postgres.admin_url, postgres.data_dir, {})
            yield Ground(postgres)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory on disk, gone afterwards: `/var/tmp` survives a restart, so it is no memory."""
    path = Path(tempfile.mkdtemp(prefix="footfall-bench-", dir="/var/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def serving(base: Base, **settings: str) -> AsyncIterator[Program]:
    """The event-ingest service on this database, with a no-op beside its RPCs (`served.py`)."""
    async with started("bench.served", {**base.environ, **settings}) as program:
        yield program


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))

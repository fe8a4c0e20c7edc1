"""`footfall migrate`: the schema of this version, and what belongs to it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import click
import psycopg

from services.cli import options
from services.cli.environment import environment
from services.cli.terminal import consoles
from shared.data_dir import DataDir
from shared.embedded import EmbeddedPostgres, running_admin_url
from shared.identity.internal import make_internal_key
from shared.refusal import StartRefused

_STEPS: Mapping[str, str] = {
    "logins": "logins, one per service",
    "schema": "tables, policies, functions",
    "done": "done",
}


@click.command(short_help="Bring the database to the schema of this version.")
@options.data_dir
@options.as_json
def command(data_dir: DataDir, *, as_json: bool) -> None:
    r"""Bring the database to the schema of this version: logins, tables, policies, keys.

    `footfall up` does it by itself. It is for databases that others keep: set FOOTFALL_DATABASE_URL
    to the administrator's URL of a Postgres 15 or newer. Without it the embedded Postgres of the
    data directory is migrated, started for the moment if it does not run. Safe to run again, and
    while services of the version before still work. Passwords of the logins are made at the first
    run and kept in the data directory, unless FOOTFALL_<LOGIN>_DATABASE_URL brings them.

    \b
    footfall migrate
    FOOTFALL_DATABASE_URL=postgresql://admin:…@db:5432/footfall footfall migrate
    """
    asides = consoles.asides()

    def report(step: str) -> None:
        if not as_json:
            asides.print(f"[dim]·[/] {_STEPS.get(step, step)}")

    answer = asyncio.run(_migrated(data_dir.prepare(), environment(os.environ), report))
    if as_json:
        print(json.dumps(answer))
    else:
        console = consoles.answers()
        console.print(f"[green]{answer['database']} is at revision {answer['revision']}.[/]")


async def _migrated(
    data_dir: DataDir, environ: Mapping[str, str], report: Callable[[str], None]
) -> Mapping[str, str]:
    from shared.schema.migrate import migrate
    from shared.schema.revision import newest_revision

    async with _administrator_url(data_dir, environ, report) as url:
        place = urlsplit(url)
        database = f"{place.hostname or 'socket'}:{place.port or 5432}{place.path}"
        try:
            await migrate(url, data_dir, environ, report)
        except psycopg.OperationalError as error:
            words = " ".join(str(error).split())
            raise StartRefused(f"Postgres at {database} cannot be used: {words}") from error
    key = make_internal_key(data_dir)
    return {"database": database, "revision": newest_revision(), "internal_key_file": str(key)}


@asynccontextmanager
async def _administrator_url(
    data_dir: DataDir, environ: Mapping[str, str], report: Callable[[str], None]
) -> AsyncIterator[str]:
    """Of the operator's Postgres, of the one that runs here, or of one for the moment."""
    if url := environ.get("FOOTFALL_DATABASE_URL") or running_admin_url(data_dir):
        yield url
        return
    report("starting Postgres for the moment")
    async with EmbeddedPostgres(data_dir) as postgres:
        yield postgres.admin_url

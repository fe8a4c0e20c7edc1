"""`footfall up` over the smallest programs: supervision without the weight of the real ones."""

from __future__ import annotations

import os

import psycopg
from psycopg import sql

import shared.schema.migrate
from services.cli import __main__, suite
from services.cli.suite import Program
from shared.data_dir import DataDir
from shared.schema import logins

TINY = (
    Program("tiny", "tests.e2e.tiny.service", ("footfall_event_ingest",), 50061, 9061),
    Program("tiny_worker", "tests.e2e.tiny.worker", ("footfall_maintenance",), part_of="tiny"),
)


async def create_logins(admin_url: str, data_dir: DataDir) -> None:
    """What the supervisor needs of a migration."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        known = {row[0] for row in admin.execute("SELECT rolname FROM pg_roles")}
        for login in logins.LOGINS:
            if login.name not in known:
                secret = sql.Literal(logins.password(login, data_dir, os.environ))
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                admin.execute(statement.format(sql.Identifier(login.name), secret))


if __name__ == "__main__":
    shared.schema.migrate.migrate = create_logins  # type: ignore[assignment]
    suite.SUITE = TINY
    __main__.main(prog_name="footfall")

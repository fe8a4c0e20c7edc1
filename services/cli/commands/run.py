"""`footfall run`: one program in the foreground, for containers and service managers."""

from __future__ import annotations

import os
import sys

import click

from services.cli.suite import named


@click.command(short_help="Run one service in the foreground, on a database that others keep.")
@click.argument("service")
def command(service: str) -> None:
    r"""Run one service in the foreground, on a database that others keep.

    For containers and service managers, which watch it and start it again; `footfall up` does all
    of that by itself. Needs the database URL of the service's own login and a schema that
    `footfall migrate` made; waits while the database is away. SIGTERM lets it finish what it
    accepted.

    \b
    footfall run event-ingest
    footfall run event-ingest-worker
    """
    module = named(service).module
    # The command becomes the service: one process, which signals reach without being passed on.
    os.execv(sys.executable, [sys.executable, "-P", "-m", module])  # noqa: S606

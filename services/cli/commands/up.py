"""`footfall up`: run the suite."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable

import click
from rich.console import Console
from rich.markup import escape

from services.cli import options
from services.cli.environment import environment
from services.cli.state import State
from shared.data_dir import DataDir


@click.command(short_help="Run the database and every service until Ctrl-C.")
@click.option(
    "--ports",
    type=click.Choice(["default", "auto"]),
    default="default",
    show_default=True,
    help="`auto` finds free ports for all; `default` takes the documented ones, or those set by "
    "FOOTFALL_…_PORT.",
)
@click.option("--only", metavar="A,B", default="", help="Start these services alone.")
@options.data_dir
@options.as_json
def command(ports: str, only: str, data_dir: DataDir, *, as_json: bool) -> None:
    r"""Run the database and every service until Ctrl-C.

    Postgres comes along and keeps its data in the data directory; with FOOTFALL_DATABASE_URL set
    to an administrator's URL of a Postgres 15 or newer, that one is used. The schema is brought up
    to date first. What dies is started again. Ctrl-C or SIGTERM lets the services finish what
    they accepted; a second one does not wait.

    \b
    footfall up                                  the documented ports
    footfall up --ports auto --data-dir ./data   beside another one
    footfall up --only event-ingest --json       for scripts: one line when all serve
    """
    from services.cli.suite import chosen
    from services.cli.supervise import Wish, run
    from shared.schema.migrate import migrate

    wish = Wish(data_dir, environment(os.environ), ports == "auto", chosen(only.split(",")))
    notice, ready = (_plain_notice, _print_line) if as_json else _for_people()
    asyncio.run(run(wish, migrate, notice, ready))


def _plain_notice(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _print_line(state: State) -> None:
    print(json.dumps(state), flush=True)


def _for_people() -> tuple[Callable[[str], None], Callable[[State], None]]:
    console = Console(stderr=False, highlight=False)

    def notice(message: str) -> None:
        console.print(f"[dim]·[/] {escape(message)}")

    def ready(state: State) -> None:
        from services.cli.commands.status import table

        console.print(table(state))
        console.print("[bold green]All serve.[/] Stop with Ctrl-C; look with `footfall status`.")

    return notice, ready

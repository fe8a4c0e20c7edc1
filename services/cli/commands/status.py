"""`footfall status`: what runs, and where."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table

from services.cli import options
from services.cli.environment import environment
from services.cli.state import LOCK, State, published
from shared.data_dir import DataDir
from shared.refusal import StartRefused
from shared.settings import Settings
from shared.settings_source import load


@click.command(short_help="Say what runs on a data directory, and where.")
@options.data_dir
@options.as_json
def command(data_dir: DataDir, *, as_json: bool) -> None:
    """Say what runs on a data directory, and where. Exits 1 when nothing does.

    With --json it prints the line that `footfall up --json` printed, with the process ids of now.
    The database URL in it is the read-only login: it sees one organisation at a time.
    """
    found = published(data_dir)
    if found is None:
        raise StartRefused(_silence(data_dir))
    if as_json:
        click.echo(json.dumps(found))
        return
    Console(highlight=False).print(table(found, _health(found)))


def _silence(data_dir: DataDir) -> str:
    pid = data_dir.holder(LOCK)
    if pid is None:
        return f"Nothing runs on {data_dir.root}. Start it with `footfall up`."
    return f"`footfall up` (pid {pid}) is still starting on {data_dir.root}."


def _health(found: State) -> Mapping[str, bool]:
    from services.cli.health import Door, who_serves

    addresses = {name: found[name] for name in found["pids"] if name in found}
    grpc_alone = {name: at for name, at in addresses.items() if "://" not in at}
    door = Door.of(load(Settings, environment(os.environ)).listen)
    return asyncio.run(who_serves(grpc_alone, door))


def table(found: State, health: Mapping[str, bool] | None = None) -> Table:
    """The state for people: every program with its address; no passwords."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("program", "address", "pid", ""):
        rows.add_column(title)
    for name, pid in found["pids"].items():
        serving = (health or {}).get(name)
        word = {True: "[green]serving[/]", False: "[red]not serving[/]", None: ""}[serving]
        rows.add_row(name, _address(found, name), str(pid), word)
    return rows


def _address(found: State, name: str) -> str:
    if name == "postgres":
        database = urlsplit(found["database_url"])
        return f"{database.hostname}:{database.port}"
    return str(found.get(name, ""))

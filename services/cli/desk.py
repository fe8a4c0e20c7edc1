"""Commands that administer: connected as the owner of the schema, answering people or scripts."""

from __future__ import annotations

import asyncio
import functools
import getpass
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
import orjson
from rich.console import Console, RenderableType
from rich.table import Table

from services.cli import options
from services.cli.environment import environment
from shared.clock import SystemClock
from shared.data_dir import DataDir
from shared.embedded import running_admin_url
from shared.identity.administration.desk import ActRefused, open_desk
from shared.schema import logins

_OWNER = next(login for login in logins.LOGINS if login.name == logins.OWNER)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has to say: a document for scripts, words or a table for people."""

    document: Mapping[str, Any]
    people: RenderableType


def at_desk(act: Callable[..., Awaitable[Answer]]) -> Callable[..., None]:
    """Make a command of what is done at the desk: connects before, prints the answer after."""

    @options.data_dir
    @options.as_json
    @functools.wraps(act)
    def command(*, data_dir: DataDir, as_json: bool, **given: Any) -> None:
        async def answer() -> Answer:
            url = owner_url(data_dir, environment(os.environ))
            async with open_desk(url, SystemClock(), f"operator:{_account()}") as desk:
                return await act(desk, **given)

        _print(asyncio.run(answer()), as_json=as_json)

    return command


def table(*titles: str) -> Table:
    """An empty table for people."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        made.add_column(title, overflow="fold")
    return made


def day(moment: datetime | None, otherwise: str = "") -> str:
    """A date for people."""
    return otherwise if moment is None else f"{moment:%Y-%m-%d}"


def words(values: Sequence[str] | None, otherwise: str) -> str:
    """A list for people."""
    return otherwise if values is None else " ".join(values)


def owner_url(data_dir: DataDir, environ: Mapping[str, str]) -> str:
    """Where the owner of the schema connects, or a refusal that says what is missing."""
    if own := environ.get(_OWNER.variable):
        return own
    admin_url = environ.get("FOOTFALL_DATABASE_URL") or running_admin_url(data_dir)
    if not admin_url:
        raise ActRefused(
            f"No database runs on {data_dir.root}. Start it with `footfall up`, name another "
            "directory with --data-dir, or a database with FOOTFALL_DATABASE_URL."
        )
    if data_dir.secret(f"{_OWNER.name}.password") is None:
        raise ActRefused(
            f"{data_dir.secrets} holds no password of {_OWNER.name}. Run `footfall migrate` with "
            f"this --data-dir, which makes one, or set {_OWNER.variable}."
        )
    return logins.url(_OWNER, admin_url, data_dir, environ)


def _account() -> str:
    """Who sits at the desk, for the audit log; a container may have no name for its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _print(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(answer.document).decode())
    else:
        Console(highlight=False).print(answer.people)

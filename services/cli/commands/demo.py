"""`footfall demo`: see it work."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

import click

from services.cli import options
from services.cli.demo.flights import ROWS
from services.cli.demo.play import Play
from services.cli.demo.telling import Telling
from services.cli.terminal import consoles
from shared.data_dir import DataDir

_INTERRUPTED = 130
_FOLDER = "demo"


@click.command(short_help="Watch a year of real events go in, exactly once.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The demo's own directory, emptied at each start; one that holds something else is left "
    f"alone.  [default: `{_FOLDER}` below the data directory of `footfall up`]",
)
@click.option(
    "--rows",
    type=click.IntRange(1000, ROWS),
    default=ROWS,
    show_default=True,
    help="Replay the first so many rows.",
)
@options.as_json
def command(data_dir: Path | None, rows: int, *, as_json: bool) -> None:
    r"""Watch a year of real events go in, exactly once.

    Starts Postgres and every service on free ports, in a directory of its own. Makes each of 16
    airlines an organisation and sends all departures from New York in 2013 through the client
    library, over gRPC. Shows what is known then, what it means and how often such warnings came
    true, where two dozen simulated clients stand and what to do for the worst of them, what becomes
    of a duplicate, a conflict and a rejected event, that sending all of it again stores nothing,
    and that no organisation sees another's. Then it stops. Nothing else on this machine is touched.

    \b
    footfall demo
    footfall demo --rows 20000     a quick look
    footfall demo --json           the account, for scripts
    """
    logging.getLogger("footfall_client").setLevel(logging.CRITICAL)  # we tell it ourselves
    telling = Telling(None if as_json else consoles.answers())
    place = data_dir or Path(os.environ.get("FOOTFALL_DATA_DIR") or DataDir.at().root) / _FOLDER
    finished = asyncio.run(_performed(Play(telling, DataDir.at(place), rows)))
    if not finished:
        sys.exit(_INTERRUPTED)
    if as_json:
        print(json.dumps(telling.document))


async def _performed(play: Play) -> bool:
    """Whether it came to its end; told to stop, it stops all that it started, once."""
    performing, told = asyncio.create_task(play.perform()), asyncio.Event()

    def heard() -> None:
        if not told.is_set():
            told.set()
            performing.cancel()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(signum, heard)
    try:
        await performing
    except asyncio.CancelledError:
        return False
    return True

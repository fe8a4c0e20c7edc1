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
from services.cli.demo.pricing_play import ACTS, PricingPlay
from services.cli.demo.telling import Telling
from services.cli.terminal import consoles
from shared.data_dir import DataDir

_INTERRUPTED = 130
_FOLDER = "demo"


_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The demo's own directory, emptied at each start; one that holds something else is left "
    f"alone.  [default: `{_FOLDER}` below the data directory of `footfall up`]",
)


@click.group(
    short_help="Watch a year of real events go in, exactly once.", invoke_without_command=True
)
@_DATA_DIR
@click.option(
    "--rows",
    type=click.IntRange(1000, ROWS),
    default=ROWS,
    show_default=True,
    help="Replay the first so many rows.",
)
@options.as_json
@click.pass_context
def command(ctx: click.Context, data_dir: Path | None, rows: int, *, as_json: bool) -> None:
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
    footfall demo pricing          another one: how a price changes, and how not
    """
    if ctx.invoked_subcommand is not None:
        return
    telling = Telling(None if as_json else consoles.answers())
    _perform(Play(telling, _place(data_dir), rows), telling)


@command.command("pricing", short_help="Watch a price change, and who cannot change it.")
@_DATA_DIR
@options.as_json
def pricing(data_dir: Path | None, *, as_json: bool) -> None:
    r"""Watch a price change, and who cannot change it.

    Starts Postgres, event-ingest and pricing on free ports, in a directory of its own. Simulates a
    year of sales by a law of demand that is known, ingests it, and compares the estimate with the
    truth. A price is suggested and asked for; who asked for it is refused as its judge, another
    person consents, notice runs, and the audit log, which verifies, tells it all. Then it stops.

    \b
    footfall demo pricing
    footfall demo pricing --json   the account, for scripts
    """
    telling = Telling(None if as_json else consoles.answers(), acts=ACTS)
    _perform(PricingPlay(telling, _place(data_dir)), telling)


def _place(data_dir: Path | None) -> DataDir:
    beside = Path(os.environ.get("FOOTFALL_DATA_DIR") or DataDir.at().root)
    return DataDir.at(data_dir or beside / _FOLDER)


def _perform(play: Play | PricingPlay, telling: Telling) -> None:
    """To its end, and for scripts its account."""
    logging.getLogger("footfall_client").setLevel(logging.CRITICAL)  # we tell it ourselves
    if not asyncio.run(_performed(play)):
        sys.exit(_INTERRUPTED)
    if telling.console is None:
        print(json.dumps(telling.document))


async def _performed(play: Play | PricingPlay) -> bool:
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

"""`footfall bench`: how fast this installation is."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Mapping

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from services.cli import options
from services.cli.benching import Load, Measured, measure
from services.cli.calling import Caller, calls
from services.cli.tally import VERDICT_STYLES
from services.cli.terminal import consoles


@click.group(short_help="Measure how fast this installation is.")
def command() -> None:
    r"""Measure how fast this installation is.

    \b
    footfall bench ingest
    """


@command.command("ingest", short_help="Send events and tell rate, latency and verdicts.")
@click.option(
    "--events", type=click.IntRange(1), default=50_000, show_default=True, help="Sent in batches."
)
@click.option("--batch-size", type=click.IntRange(2, 1000), default=500, show_default=True)
@options.in_flight
@click.option(
    "--singles",
    type=click.IntRange(0),
    default=5000,
    show_default=True,
    help="Events sent one by one before; 0 leaves that out.",
)
@click.option(
    "--singles-in-flight",
    type=click.IntRange(1, 90),
    default=32,
    show_default=True,
    help="Single events on their way at once.",
)
@click.option(
    "--users",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="How many users the events are of.",
)
@options.as_json
@calls
def ingest(
    *,
    events: int,
    batch_size: int,
    in_flight: int,
    singles: int,
    singles_in_flight: int,
    users: int,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Send events and tell how many a second were committed, and how long a call took.

    The events are real and stay: use a key of an organisation that was made for this
    (`footfall org create bench`). Exits with 1 when a call failed.

    \b
    footfall bench ingest
    footfall bench ingest --events 500000 --in-flight 8
    footfall bench ingest --json
    """
    loads = {
        "single events": Load(singles, 1, singles_in_flight),
        f"batches of {batch_size}": Load(events, batch_size, in_flight),
    }
    chosen = {name: load for name, load in loads.items() if load.events}
    results = asyncio.run(_measured(caller(), chosen, users))
    if as_json:
        names = {name: name.split()[0] for name in results}
        click.echo(json.dumps({names[name]: one.as_json() for name, one in results.items()}))
    else:
        consoles.answers().print(_table(results))
    if any(one.failures for one in results.values()):
        raise SystemExit(1)


async def _measured(caller: Caller, loads: Mapping[str, Load], users: int) -> dict[str, Measured]:
    columns = (TextColumn("{task.description:16}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=consoles.asides(), transient=True) as progress:
        results = {}
        for name, load in loads.items():
            task = progress.add_task(name, total=load.events)
            report = functools.partial(progress.advance, task)
            results[name] = await measure(caller, load, users, report)
        return results


def _table(results: Mapping[str, Measured]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for title in ("events/s", "p50 ms", "p95 ms", "p99 ms", *VERDICT_STYLES, "failed calls"):
        table.add_column(title, justify="right")
    for load, one in results.items():
        table.add_row(
            load,
            f"[bold]{one.per_second:,.0f}[/]",
            *(f"{one.milliseconds(percentile):,.1f}" for percentile in (50, 95, 99)),
            *(f"[{style}]{one.verdicts[name]:,}[/]" for name, style in VERDICT_STYLES.items()),
            ", ".join(f"{count} {code}" for code, count in one.failures.items()) or "0",
        )
    return table

"""`footfall import`: events out of files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import click
from google.protobuf.json_format import MessageToDict

from footfall_client import Client
from services.cli import options
from services.cli.calling import Caller, calls
from services.cli.importing.checkpoint import Checkpoint, open_rejected
from services.cli.importing.fields import NoSuchField, field_of
from services.cli.importing.mapping import Mapper, Wish
from services.cli.importing.sources import (
    FORMATS,
    BadRow,
    Row,
    Source,
    name_without_suffixes,
    open_source,
)
from services.cli.importing.times import Times
from services.cli.importing.upload import Account, Import, Pace
from services.cli.importing.views import View, summary
from services.cli.local_time import UnknownZone, zone
from services.cli.terminal import consoles

_INTERRUPTED = 130
_TRIED = 3
_READ_AS = {
    "doubled": "which clocks showed twice: the first pass was taken",
    "skipped": "which no clock showed: it was read by the offset that held before",
}


class _Pair(click.ParamType[tuple[str, str]]):
    """`FIELD=COLUMN`."""

    name = "FIELD=COLUMN"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        field, equals, column = str(value).partition("=")
        if not (field and equals and column):
            self.fail(f"{value!r} is not FIELD=COLUMN.", param, ctx)
        try:
            return field_of(field).name, column
        except NoSuchField as error:
            self.fail(str(error), param, ctx)


class _Zone(click.ParamType[Any]):
    """A zone of the IANA database."""

    name = "ZONE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return zone(str(value))
        except UnknownZone as error:
            self.fail(f"{error}.", param, ctx)


@click.command(short_help="Send the rows of a CSV, JSONL or Parquet file as events.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--type", "type_", metavar="NAME", help="Event type of rows that do not say theirs.")
@click.option(
    "--map",
    "pairs",
    type=_Pair(),
    multiple=True,
    help="Which column is which field; columns in braces compose a text. Repeatable.",
)
@click.option(
    "--leave-out", metavar="COLUMN", multiple=True, help="A column to ignore. Repeatable."
)
@click.option("--time-zone", type=_Zone(), help="Zone of times that say none.")
@click.option("--time-format", metavar="FORMAT", help="Form of the times, as for strptime.")
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), help="What the file is.  [default: by name]"
)
@click.option("--delimiter", metavar="CHAR", help="Between the cells of a CSV.  [default: comma]")
@click.option(
    "--source",
    metavar="NAME",
    help="Name of the data: same source, same row, same event.  [default: the file's]",
)
@click.option(
    "--skip-rows",
    type=click.IntRange(0),
    metavar="N",
    help="Do not send the first N rows; 0 sends all.  [default: those that an interrupted run of "
    "this import has settled]",
)
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write every row that is not stored there, as JSON lines.",
)
@click.option("--batch-size", type=click.IntRange(1, 1000), default=1000, show_default=True)
@options.in_flight
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a server that is away is waited for.",
)
@click.option("--dry-run", is_flag=True, help="Show what the first rows become; send nothing.")
@options.as_json
@calls
def command(
    *,
    file: Path,
    type_: str | None,
    pairs: tuple[tuple[str, str], ...],
    leave_out: tuple[str, ...],
    time_zone: Any,
    time_format: str | None,
    kind: str | None,
    delimiter: str | None,
    source: str | None,
    skip_rows: int | None,
    rejected: Path | None,
    batch_size: int,
    in_flight: int,
    patience: float,
    dry_run: bool,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Send the rows of FILE as events. Running it again stores nothing twice.

    Columns go by their names: `user_id`, `userId` and `user` are the user; what is no field of an
    event becomes a property. Fields are those of `Event` in the protos, `context.os` for example.

    \b
    footfall import visits.csv --dry-run
    footfall import visits.csv --type page_view --map user_id=visitor
    footfall import flights.csv.gz --type feature_used --time-zone America/New_York \
        --map 'feature={origin}-{dest}' --leave-out org
    footfall import events.jsonl.gz --rejected refused.jsonl
    footfall tail --json | footfall import - --format jsonl --address other:50051

    An event without an id of its own gets one derived from the source and the whole row; of rows
    that are equal letter for letter each is an event. What is not stored is listed: mend it and
    import again. An interrupted import goes on where it was, and remembers what was refused.

    Exits 0 when every row is stored, 1 when some are not.
    """
    opened = open_source(file, kind, delimiter)
    name = source or name_without_suffixes(file)
    wish = Wish(dict(pairs), type_, frozenset(leave_out))
    mapper = Mapper(name, wish, Times(time_zone, time_format))
    if dry_run:
        _show_first(opened, mapper, as_json=as_json)
        return
    checkpoint = Checkpoint.of(file, name, repr(wish), str(time_zone), (found := caller()).key)
    work = Import(opened, mapper, checkpoint, skip_rows, Pace(batch_size, in_flight, patience))
    account = _send(work, found, rejected, as_json=as_json)
    _report(account, name, mapper, as_json=as_json)


def _send(work: Import, caller: Caller, rejected: Path | None, *, as_json: bool) -> Account:
    asides = consoles.asides()
    if work.skip and not as_json:
        asides.print(f"[dim]{work.skip:,} rows are settled; --skip-rows 0 sends them too.[/]")
    with ExitStack() as held:
        everything: IO[str] | None = None
        if rejected:
            everything = held.enter_context(open_rejected(rejected, goes_on=work.resumes))
        view = held.enter_context(View(asides, everything, silent=as_json))
        client = Client(caller.address, credential=caller.key, tls=caller.tls)
        held.callback(client.close)
        return work.run(client, view)


def _report(account: Account, source: str, mapper: Mapper, *, as_json: bool) -> None:
    if as_json:
        refused = [asdict(one) for one in account.refused]
        doubts = {"doubtful_times": mapper.doubts, "refused": refused}
        print(json.dumps({"source": source, **account.as_json(), **doubts}))
    else:
        consoles.answers().print(summary(account))
        for what, count in mapper.doubts.items():
            print(f"{count:,} local times lie in a {what} hour, {_READ_AS[what]}.")
    if account.stopped:
        click.echo(
            f"Stopped: {account.stopped}. The same command goes on after row {account.settled:,}.",
            err=True,
        )
    if not account.all_stored:
        sys.exit(_INTERRUPTED if account.stopped == "interrupted" else 1)


def _show_first(source: Source, mapper: Mapper, *, as_json: bool) -> None:
    shown: list[Any] = []
    for row in source.rows():
        if row.number == 1 and source.columns is not None:
            mapper.check(source.columns)
        event = mapper.event(row) if isinstance(row, Row) else row
        shown.append(
            {"row": row.number, "unreadable": event.why}
            if isinstance(event, BadRow)
            else MessageToDict(event, preserving_proto_field_name=True)
        )
        if len(shown) == _TRIED:
            break
    if as_json:
        print(json.dumps({"first": shown}, ensure_ascii=False))
        return
    console = consoles.answers()
    for one in shown:
        console.print_json(json.dumps(one, ensure_ascii=False))

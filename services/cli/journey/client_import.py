"""`footfall journey clients import`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from services.cli import options
from services.cli.calling import Caller, calls_to
from services.cli.importing.checkpoint import Checkpoint, open_rejected
from services.cli.importing.sources import (
    FORMATS,
    BadRow,
    Position,
    Row,
    Source,
    name_without_suffixes,
    open_source,
)
from services.cli.journey import words
from services.cli.journey.asking import journey_of
from services.cli.journey.client_rows import Mapper, NoSuchField, field_named
from services.cli.journey.client_upload import OUTCOMES, Account, Import, Pace, Refused
from services.cli.telling import as_json as document_of
from services.cli.telling import shown
from services.cli.terminal import consoles
from services.cli.terminal.gauge import gauge
from services.cli.terminal.tables import table

_INTERRUPTED = 130
_TRIED = 3
_SHOWN = 20


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
            return field_named(field), column
        except NoSuchField as error:
            self.fail(str(error), param, ctx)


@click.command("import", short_help="Make clients of the rows of a CSV, JSONL or Parquet file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--map", "pairs", type=_Pair(), multiple=True, help="Which column is which field. Repeatable."
)
@click.option(
    "--leave-out", metavar="COLUMN", multiple=True, help="A column to ignore. Repeatable."
)
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), help="What the file is.  [default: by name]"
)
@click.option("--delimiter", metavar="CHAR", help="Between the cells of a CSV.  [default: comma]")
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
@click.option(
    "--in-flight",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="Clients on their way at once.",
)
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
@calls_to("journey")
def command(
    *,
    file: Path,
    pairs: tuple[tuple[str, str], ...],
    leave_out: tuple[str, ...],
    kind: str | None,
    delimiter: str | None,
    skip_rows: int | None,
    rejected: Path | None,
    in_flight: int,
    patience: float,
    dry_run: bool,
    as_json: bool,
    caller: Callable[[], Caller],
) -> None:
    r"""Make clients of the rows of FILE, or change those that there are.

    A client is known by its `client_id`: running it again changes nothing. What the file has a
    column for becomes what the file says, an empty cell included; everything else of a client stays
    as it was. An empty do_not_contact says nothing: `no` takes it back.

    Several rows of one client are written one after the other, so that the last counts; running
    such a file again writes them again.

    Columns go by their names: `id`, `account` or `customer_id` is the client_id, `company` the
    name, `score` the ai_score. The fields are client_id, name, email, ai_score, status, owner,
    tags, time_zone, do_not_contact and segment; a column that is none of them is left out.

    \b
    footfall journey clients import clients.csv --dry-run
    footfall journey clients import crm.csv --map client_id=crm_no --map owner=rep
    footfall journey clients import clients.jsonl.gz --rejected refused.jsonl
    generate | footfall journey clients import - --format jsonl

    What is not stored is listed, with its row and its column: mend it and import again. An
    interrupted import goes on where it was, and remembers what was refused.

    Exits 0 when every row is stored, 1 when some are not.
    """
    source, mapper = open_source(file, kind, delimiter), Mapper(dict(pairs), frozenset(leave_out))
    if dry_run:
        _show_first(source, mapper, as_json=as_json)
        return
    checkpoint = Checkpoint.of(file, "clients", repr((pairs, leave_out)), (found := caller()).key)
    work = Import(source, mapper, checkpoint, skip_rows, Pace(in_flight, patience))
    if work.skip and not as_json:
        consoles.asides().print(
            f"[dim]{work.skip:,} rows are settled; --skip-rows 0 sends them too.[/]"
        )
    with _watched(rejected, goes_on=work.resumes, silent=as_json) as watcher:
        try:
            asyncio.run(_sent(work, found, watcher))
        except KeyboardInterrupt:
            work.account.stopped = "interrupted"
    _report(work.account, name_without_suffixes(file), mapper, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Watcher:
    """Tells how far it is, and keeps what was refused."""

    tell: Callable[[float], None]
    everything: IO[str] | None

    def show(self, position: Position, account: Account) -> None:
        del account
        if position.total:
            self.tell(position.done / position.total)

    def refused(self, refused: Refused) -> None:
        if self.everything is not None:
            self.everything.write(json.dumps(asdict(refused), ensure_ascii=False) + "\n")


@contextmanager
def _watched(rejected: Path | None, *, goes_on: bool, silent: bool) -> Iterator[_Watcher]:
    with gauge(consoles.asides(), "importing clients", silent=silent) as tell:
        if rejected is None:
            yield _Watcher(tell, None)
        else:
            with open_rejected(rejected, goes_on=goes_on) as everything:
                yield _Watcher(tell, everything)


async def _sent(work: Import, caller: Caller, watcher: _Watcher) -> None:
    async with journey_of(caller) as journey:
        await work.run(journey, watcher)


def _report(account: Account, source: str, mapper: Mapper, *, as_json: bool) -> None:
    if as_json:
        listed = [asdict(one) for one in account.listed]
        left_out = sorted(mapper.ignored)
        document = {"source": source, **account.as_json(), "left_out": left_out, "listed": listed}
        print(json.dumps(document, ensure_ascii=False))
    else:
        consoles.answers().print(_summary(account, mapper))
    if account.stopped:
        click.echo(
            f"Stopped: {account.stopped.rstrip('.')}. The same command goes on after row "
            f"{account.settled:,}.",
            err=True,
        )
    if not account.all_stored:
        sys.exit(_INTERRUPTED if account.stopped == "interrupted" else 1)


def _summary(account: Account, mapper: Mapper) -> RenderableType:
    """The account, and the first of what was refused."""
    line = Text(f"{words.counted(account.rows, 'row')} = ")
    for name, style in OUTCOMES.items():
        line.append(f"{account.counts[name]:,} {name}", style).append(" + ")
    line.append(f"{account.refused:,} refused", "red" if account.refused else "dim")
    line.append(f" + {account.skipped:,} settled before" if account.skipped else "")
    if account.refused_before:
        line.append(f", {account.refused_before:,} of them refused", "red")
    parts: list[RenderableType] = [line]
    if mapper.ignored:
        left_out = ", ".join(map(shown, sorted(mapper.ignored)))
        parts.append(Text(f"left out, as no field of a client: {left_out}", "dim"))
    if account.listed:
        parts.append(_refusals(account))
    return Group(*parts)


def _refusals(account: Account) -> RenderableType:
    rows = table("row", "client", "why")
    for one in account.listed[:_SHOWN]:
        rows.add_row(str(one.row), Text(shown(one.client_id), "bold"), Text(shown(one.message)))
    more = account.refused - min(len(account.listed), _SHOWN)
    told = Text(f"… and {more:,} more; --rejected FILE writes all", "dim")
    return Group(rows, told) if more else rows


def _show_first(source: Source, mapper: Mapper, *, as_json: bool) -> None:
    first: list[Any] = []
    for row in source.rows():
        if row.number == 1 and source.columns is not None:
            mapper.check(source.columns)
        sketch = mapper.sketch(row) if isinstance(row, Row) else row
        first.append(
            {"row": row.number, "unreadable": sketch.why}
            if isinstance(sketch, BadRow)
            else document_of(sketch.on(None))
        )
        if len(first) == _TRIED:
            break
    document = {"first": first, "left_out": sorted(mapper.ignored)}
    if as_json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        consoles.answers().print_json(json.dumps(document, ensure_ascii=False))

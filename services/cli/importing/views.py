"""How an import is watched: a bar on a terminal, a line now and then elsewhere, or in silence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from types import TracebackType
from typing import IO, Self

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.cli.importing.sources import Position
from services.cli.importing.upload import Account, Refused
from services.cli.tally import VERDICT_STYLES, Tally

_LINE_EVERY_SECONDS = 5.0
_SHOWN = 20


class View:
    """Shows an import while it runs; `everything` gets each refused row as a line of JSON."""

    def __init__(self, console: Console, everything: IO[str] | None, *, silent: bool) -> None:
        self._console = console
        self._everything = everything
        self._held = ExitStack()
        self._show: Callable[[Position, Account], None] = _nothing
        if not silent:
            self._show = self._bar() if console.is_terminal else self._lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def show(self, position: Position, account: Account) -> None:
        """How far it is."""
        self._show(position, account)

    def refused(self, refused: Refused) -> None:
        """A row that is not stored."""
        if self._everything is not None:
            self._everything.write(json.dumps(asdict(refused), ensure_ascii=False) + "\n")

    def _bar(self) -> Callable[[Position, Account], None]:
        progress = Progress(
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        task = progress.add_task("", total=None, words="")
        self._held.enter_context(progress)

        def show(position: Position, account: Account) -> None:
            progress.update(
                task, completed=position.done, total=position.total, words=_words(account)
            )

        return show

    def _lines(self) -> Callable[[Position, Account], None]:
        last = time.monotonic()

        def show(position: Position, account: Account) -> None:
            nonlocal last
            if time.monotonic() - last < _LINE_EVERY_SECONDS:
                return
            last = time.monotonic()
            done = f"{position.done / position.total:4.0%}  " if position.total else ""
            self._console.print(done + _words(account))

        return show


def summary(account: Account) -> RenderableType:
    """The end, for people: the account, and the first of what was refused."""
    parts: list[RenderableType] = [verdict_line(account.tally)]
    read = f"{account.rows:,} rows read"
    read += f", {account.skipped:,} skipped" if account.skipped else ""
    if account.refused_before:
        read += f", [red]{account.refused_before:,} of them refused before[/]"
    read += f", [red]{account.unreadable:,} unreadable[/]" if account.unreadable else ""
    parts.append(f"[dim]{read}; {account.rate:,.0f} events a second[/]")
    if account.refused:
        parts.append(_refusals(account.refused[:_SHOWN], _not_stored(account)))
    return Group(*parts)


def verdict_line(tally: Tally) -> str:
    """The account in colours: `sent 5 = 4 accepted + 1 duplicate + …`."""
    columns = (
        f"[{VERDICT_STYLES[name]}]{count:,} {name}[/]" for name, count in tally.verdicts.items()
    )
    lost = f" + [red]{tally.lost:,} without a verdict[/]" if tally.lost else ""
    return f"sent [bold]{tally.sent:,}[/] = {' + '.join(columns)}{lost}"


def _not_stored(account: Account) -> int:
    return account.unreadable + account.tally.conflict + account.tally.rejected


def _refusals(shown: Sequence[Refused], total: int) -> RenderableType:
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("row", "verdict", "why"):
        rows.add_column(title, overflow="fold")
    for one in shown:
        style = VERDICT_STYLES.get(one.verdict.lower(), "red")
        why = f"{one.reason}: {one.message}" if one.reason else one.message
        rows.add_row(str(one.row), f"[{style}]{one.verdict.lower()}[/]", escape(why))
    more = total - len(shown)
    return Group(rows, f"[dim]… and {more:,} more; --rejected FILE writes all[/]") if more else rows


def _words(account: Account) -> str:
    columns = [f"{account.tally.sent:,} sent", f"{account.rate:,.0f}/s"]
    columns += [
        f"[{VERDICT_STYLES[name]}]{count:,} {name}[/]"
        for name, count in account.tally.verdicts.items()
        if count
    ]
    return "  ".join(columns)


def _nothing(position: Position, account: Account) -> None:
    """Scripts wait for the document at the end."""

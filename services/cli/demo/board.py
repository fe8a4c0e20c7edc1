"""The live view of a replay: per organisation how far it is, below it rate and verdicts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.demo.cast import Organisation
from services.cli.demo.replay import Replay
from services.cli.importing.views import verdict_line
from services.cli.terminal import blocks

_REFRESH_PER_SECOND = 4
_LINE_EVERY_SECONDS = 5.0
_BAR_WIDTH = 34
_RATES = 40


class Board:
    """Rendered anew at each refresh."""

    def __init__(self, replay: Replay, cast: Mapping[str, Organisation], rows: int) -> None:
        self._replay = replay
        self._cast = cast
        self._rows = rows
        self._rates: deque[float] = deque(maxlen=_RATES)
        self._last = (time.monotonic(), 0)

    def __rich__(self) -> RenderableType:
        self._measure()
        return Group(self._organisations(), self._sum())

    @property
    def _alive(self) -> bool:
        """Whether it is looked at again and again, so that there is a course to show."""
        return len(self._rates) > 1

    def _measure(self) -> None:
        now, sent = time.monotonic(), self._replay.total.sent
        then, before = self._last
        if now - then >= 1 / _REFRESH_PER_SECOND:
            self._rates.append((sent - before) / (now - then))
            self._last = (now, sent)

    def _organisations(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(no_wrap=True, min_width=_BAR_WIDTH)
        table.add_column(justify="right", no_wrap=True)
        most = max(tally.sent for tally in self._replay.tallies.values())
        for code, tally in sorted(self._replay.tallies.items(), key=lambda one: -one[1].sent):
            drawn = Text(blocks.bar(tally.sent, most, _BAR_WIDTH), "cyan")
            table.add_row(code, self._cast[code].name, drawn, f"{tally.sent:,}")
        return table

    def _sum(self) -> Text:
        total, seconds = self._replay.total, self._replay.seconds
        line = Text(f"{blocks.spark(list(self._rates))} " if self._alive else "", "green")
        line.append(f"{total.sent / seconds:,.0f} events/s", "bold")
        line.append(f"  {total.sent / self._rows:.0%} in {seconds:.0f} s\n", "dim")
        return line.append_text(Text.from_markup(verdict_line(total)))


@asynccontextmanager
async def watched(console: Console | None, board: Board, replay: Replay) -> AsyncIterator[None]:
    """Show it while inside: alive on a terminal, by lines elsewhere, to nobody for scripts."""
    if console is None:
        yield
    elif console.is_terminal:
        with Live(board, console=console, refresh_per_second=_REFRESH_PER_SECOND):
            yield
    else:
        telling = asyncio.create_task(_tell(console, replay))
        try:
            yield
        finally:
            telling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await telling
        console.print(board)


async def _tell(console: Console, replay: Replay) -> None:
    while True:
        await asyncio.sleep(_LINE_EVERY_SECONDS)
        sent = replay.total.sent
        console.print(f"  {sent:,} sent, {sent / replay.seconds:,.0f} a second")

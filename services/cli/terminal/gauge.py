"""How far a long answer is: a bar on a terminal, a line now and then elsewhere, or silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_LINE_EVERY_SECONDS = 5.0


@contextmanager
def gauge(console: Console, words: str, *, silent: bool) -> Iterator[Callable[[float], None]]:
    """Inside, tell it how much is done, 0 to 1."""
    if silent:
        yield lambda _: None
    elif console.is_terminal:
        columns = (
            TextColumn(words),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=1.0)
            yield lambda done: progress.update(task, completed=done)
    else:
        yield _lines(console, words)


def _lines(console: Console, words: str) -> Callable[[float], None]:
    last = time.monotonic()

    def tell(done: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_EVERY_SECONDS:
            last = time.monotonic()
            console.print(f"{words} {done:4.0%}")

    return tell

"""Counting events anew at the desk, with what a person wants to see of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.event_ingest.recount.usecases import recount
from shared.identity.administration.organisations import Recount


@contextmanager
def recounting() -> Iterator[Recount]:
    """The recount, its progress on standard error: standard output is the answer's."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", visible=False)

        def show(counted: int, total: int) -> None:
            words = f"{counted:,} of {total:,} events counted"
            progress.update(task, description=words, completed=counted, total=total, visible=True)

        yield partial(recount, report=show)

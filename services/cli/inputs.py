"""What commands of several services take."""

from __future__ import annotations

from typing import Any

import click

from services.cli.moments import EndOf
from services.cli.telling import is_text


class Text(click.ParamType[str]):
    """A text that can be sent: bytes that are no UTF-8 come from the shell as half characters."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_text(value):
            self.fail(f"{value!r} is no text in UTF-8.", param, ctx)
        return str(value)


TEXT = Text()
AS_OF = click.option(
    "--as-of",
    type=EndOf(),
    help="As it was then: at the end of a day of UTC (2026-01-31), or at a moment "
    "(2026-01-31T18:00:00-05:00).  [default: now]",
)
LIMIT = click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many."
)

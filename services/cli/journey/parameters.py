"""What several commands of journey take, and how they tell their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from footfall.journey.v1 import journey_pb2
from services.cli.journey import words
from services.cli.moments import EndOf
from services.cli.telling import is_text, one_line, printable, show

MORE = "[dim]there are more: raise --limit[/]"


class Text(click.ParamType[str]):
    """A text that can be sent: bytes that are no UTF-8 come from the shell as half characters."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not is_text(value):
            self.fail(f"{value!r} is no text in UTF-8.", param, ctx)
        return str(value)


TEXT = Text()
CLIENT = click.argument("client_id", metavar="CLIENT", type=TEXT)
AS_OF = click.option(
    "--as-of",
    type=EndOf(),
    help="As it was then: at the end of a day of UTC (2026-01-31), or at a moment "
    "(2026-01-31T18:00:00-05:00).  [default: now]",
)
LIMIT = click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many."
)
OWNER = click.option(
    "--owner", metavar="NAME", type=TEXT, default="", help="Only clients of this owner."
)
STAGES = click.option(
    "--stage",
    "stages",
    type=click.Choice(words.names(journey_pb2.Stage)),
    multiple=True,
    help="Only clients in this stage now. Repeatable.",
)
MIN_LEVEL = click.option(
    "--min-level",
    type=click.Choice(words.names(journey_pb2.RiskLevel)),
    help="Only clients at this level or above it.",
)


def stage_numbers(stages: tuple[str, ...]) -> list[journey_pb2.Stage.ValueType]:
    """As requests have them."""
    return [journey_pb2.Stage.ValueType(words.number(journey_pb2.Stage, one)) for one in stages]


def level_number(name: str | None) -> journey_pb2.RiskLevel.ValueType:
    """Likewise; without a name it is left out."""
    return journey_pb2.RiskLevel.ValueType(words.number(journey_pb2.RiskLevel, name) if name else 0)


def tell(answer: Any, picture: Callable[[Any], Any], *, as_json: bool) -> None:
    """The whole answer to scripts, a picture of it to people."""
    if as_json:
        one_line(answer)
    else:
        show(picture(printable(answer)))

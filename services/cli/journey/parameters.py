"""What several commands of journey take, beside what those of all services do."""

from __future__ import annotations

import click

from footfall.journey.v1 import journey_pb2
from services.cli.inputs import AS_OF, LIMIT, TEXT
from services.cli.journey import words
from services.cli.telling import MORE, tell

__all__ = [
    "AS_OF",
    "CLIENT",
    "LIMIT",
    "MIN_LEVEL",
    "MORE",
    "OWNER",
    "STAGES",
    "TEXT",
    "level_number",
    "stage_numbers",
    "tell",
]

CLIENT = click.argument("client_id", metavar="CLIENT", type=TEXT)
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

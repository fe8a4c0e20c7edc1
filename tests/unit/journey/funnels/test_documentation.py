"""docs/journey.md tells what is believed of a new organisation; here it is held to the code."""

from __future__ import annotations

from pathlib import Path

from services.journey.funnels.rules.defaults import PRIOR_DAYS, PRIOR_MOVES
from services.journey.journeys.rules.vocabulary import Stage

DOCUMENT = Path(__file__).parents[4] / "docs" / "journey.md"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def percent(before: Stage, after: Stage) -> str:
    return "-" if after is before else f"{100 * PRIOR_MOVES[before][after]:.0f}"


def test_the_table_of_the_prior_is_the_prior() -> None:
    expected = "<!-- prior -->\n" + row("From", "Days", *(one.name.lower() for one in Stage))
    expected += "|---" * (2 + len(Stage)) + "|\n"
    for before in Stage:
        to = (percent(before, after) for after in Stage)
        expected += row(before.name.lower(), f"{PRIOR_DAYS[before]:g}", *to)
    assert expected in DOCUMENT.read_text(), f"docs/journey.md should say:\n\n{expected}"

"""docs/journey.md tells how journey decides; here it is held to what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from services.journey.catalogue.rules.stored import NUMBERS
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.visits import usual
from services.journey.journeys.rules.vocabulary import Risk, Stage

DOCUMENT = Path(__file__).parents[4] / "docs" / "journey.md"
DEFAULTS = JourneySettings()

Row = tuple[object, ...]


def words(values: Iterable[IntEnum]) -> str:
    return ", ".join(one.name.lower() for one in values) or "-"


def moves() -> list[Row]:
    tos = {before: [to for to in Stage if to != before and usual(before, to)] for before in Stage}
    return [("From", "Usually to"), *((words([one]), words(to)) for one, to in tos.items())]


def stages() -> list[Row]:
    rules = DEFAULTS.stages.items()
    rows = [(words([one]), rule.weight, words(rule.actions)) for one, rule in rules]
    return [("Stage", "Weight", "Calls for"), *rows]


def risks() -> list[Row]:
    rules = sorted(DEFAULTS.risks.items(), key=lambda one: one[1].rank)
    rows = [(words([one]), rule.rank, rule.points, words([rule.action])) for one, rule in rules]
    return [("Risk", "Rank", "Points", "Calls for"), *rows]


def actions() -> list[Row]:
    rules = DEFAULTS.actions.items()
    rows = [(words([one]), rule.channel.name, rule.reason) for one, rule in rules]
    return [("Action", "Channel", "Reason"), *rows]


def levels() -> list[Row]:
    rules = DEFAULTS.levels.items()
    rows = [(one.name, rule.min_risks, rule.priority.name) for one, rule in rules]
    return [("Level", "From risks", "Priority"), *rows]


def numbers() -> list[Row]:
    known = asdict(DEFAULTS)
    rows: list[Row] = [("Setting", "Default")]
    for group in ("thresholds", "learning"):
        rows += [(f"{group}.{name}", number(value)) for name, value in known[group].items()]
    assert known["quiet_hours"] == {"from_minute": 0, "to_minute": 0}, "equal ones are none"
    assert known["caps"] == ()
    rows += [("caps", "none"), ("quiet_hours", "none")]
    return rows + [(name, number(known[name])) for name in NUMBERS]


def number(value: float) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}"


def table(rows: list[Row]) -> str:
    """As Markdown."""
    cells = [
        [f"{one:g}" if isinstance(one, float | int) else str(one) for one in row] for row in rows
    ]
    head, *body = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


@pytest.mark.parametrize("make", [moves, stages, risks, actions, levels, numbers])
def test_the_table_is_what_the_code_does(make: Any) -> None:
    expected = f"<!-- {make.__name__} -->\n{table(make())}\n"
    assert expected in DOCUMENT.read_text(), f"docs/journey.md should say:\n\n{expected}"


def test_each_risk_has_its_section() -> None:
    """In which its numbers, an example and its limits stand."""
    sections = re.findall(r"^### (\w+): .+?(?=^##)", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert sorted(sections) == sorted(words([one]) for one in Risk)
    bodies = re.findall(r"^### \w+: (.+?)(?=^##)", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert [one for one in bodies if "\n> " not in one or "*Limits.*" not in one] == []

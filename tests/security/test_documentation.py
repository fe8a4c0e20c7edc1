"""docs/security.md tells who may do what to which table; here it is held to it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from shared.schema import logins
from tests.security.ground import Ground
from tests.security.lints import DEFINERS, GUARDS
from tests.security.matrix import grants

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
LOGINS = (*logins.SERVICES, logins.BI, logins.MAINTENANCE)


def test_the_rights_of_every_login_are_written_down(ground: Ground) -> None:
    """A new right is a decision: the diff of this table is where a reviewer sees it."""
    expected = rights(ground)
    assert expected in DOCUMENT.read_text(), f"docs/security.md should say:\n\n{expected}"


def test_every_function_that_runs_as_its_owner_is_written_down() -> None:
    text = DOCUMENT.read_text()
    functions = (name.partition("(")[0] for name in (*DEFINERS, *GUARDS))
    assert [name for name in functions if f"`{name}`" not in text] == []


def test_every_test_of_the_hardening_checklist_exists() -> None:
    """A test that is renamed or gone leaves a promise behind that nothing holds."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT.read_text())
    assert len(named) > 50
    gone = [
        f"{path}::{name}"
        for path, name in named
        if f"def {name}(" not in (ROOT / "tests" / path).read_text()
    ]
    assert gone == []


def rights(ground: Ground) -> str:
    """The table as Markdown."""
    granted = grants(replace(ground, logins=LOGINS))
    heads = [login.removeprefix("footfall_") for login in LOGINS]
    lines = [f"| table | {' | '.join(heads)} |", "|---" * (len(LOGINS) + 1) + "|"]
    for table in ground.tables:
        cells = (granted[login, table.name] for login in LOGINS)
        marks = ("".join(_marks(held)) for held in cells)
        lines.append(f"| {table} | {' | '.join(mark or '-' for mark in marks)} |")
    return "\n".join(lines)


def _marks(held: set[str]) -> list[str]:
    """A small u where the organisation of a row, and other columns, may not be written."""
    small = {"U": "U" if "O" in held else "u"}
    return [small.get(verb, verb) for verb in "SIUD" if verb in held]

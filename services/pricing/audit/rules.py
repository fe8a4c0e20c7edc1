"""Which entries a list shows, and what a check of the log says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

LEAST, MOST = -(2**63), 2**63 - 1
"""Numbers that an entry can have: one put in before the first is found as well."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which entries a list names; empty asks for all."""

    actor: str = ""
    action_prefix: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An act as it is shown."""

    sequence: int
    recorded_at: datetime | None
    """None: it was changed to something that is no time of ours."""
    actor: str
    actor_role: str
    action: str
    target: str
    details: str
    """JSON as it is kept."""
    previous_hash: bytes
    entry_hash: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, the latest first, and before which number the next page begins, if any."""

    entries: Sequence[Entry]
    before: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of a whole log found."""

    entries: int
    """How many fit, from the first on."""
    head_hash: bytes
    first_bad_entry: int = 0
    problem: str = ""
    anchored_entries: int = 0
    anchored_at: datetime | None = None
    notice: str = ""

    @property
    def valid(self) -> bool:
        """Whether every entry fits."""
        return not self.first_bad_entry


def notice(entries: int, anchored: int, unreadable: str, damaged: int) -> str:
    """What a reader should know of a comparison that could not be made, or not in full."""
    said = []
    if unreadable:
        said.append(f"Nothing was compared with what is outside the database: {unreadable}.")
    elif entries and not anchored:
        said.append("Nothing of this log was found written down outside the database.")
    if damaged:
        lines = "1 line was" if damaged == 1 else f"{damaged:,} lines were"
        said.append(f"Of what was written down, {lines} damaged and not compared.")
    return " ".join(said)

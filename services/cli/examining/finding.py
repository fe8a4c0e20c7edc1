"""What a check found, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, and should be looked at."""
    FAIL = "fail"
    """It does not work, or must not be left so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor."""

    about: str
    state: State
    found: str
    advice: str = ""

    def as_json(self) -> Mapping[str, str]:
        return {
            "about": self.about,
            "state": self.state.value,
            "found": self.found,
            "advice": self.advice,
        }


def ok(about: str, found: str) -> Finding:
    """All is well."""
    return Finding(about, State.OK, found)


def warn(about: str, found: str, advice: str) -> Finding:
    """Worth a look."""
    return Finding(about, State.WARN, found, advice)


def fail(about: str, found: str, advice: str = "") -> Finding:
    """Not to be left so. Refusals of ours say what to do in their own words."""
    return Finding(about, State.FAIL, found, advice)

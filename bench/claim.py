"""The form of a claim: a ratio, what it must reach, what it aims at, and how it is measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from bench.pairs import Ratio


class Skipped(Exception):
    """Something that the measurement needs is missing; the message says what to do."""


class WrongCount(Exception):
    """What is stored is not what was acknowledged: there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    full: bool = False
    rows: int | None = None
    """Events present before claims about size; None: the claim's own choice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table: both sides, their ratio, and what was checked."""

    what: str
    ratio: Ratio
    unit: str
    must: float
    aim: float
    checked: str
    lower_is_better: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        median = self.ratio.median
        if self.lower_is_better:
            return "aim" if median <= self.aim else "must" if median <= self.must else "short"
        return "aim" if median >= self.aim else "must" if median >= self.must else "short"


Measure = Callable[[Effort], AsyncIterator[Finding]]


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of docs/performance.md."""

    name: str
    title: str
    measure: Measure

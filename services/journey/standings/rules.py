"""Which clients a list names, and where in the indexes they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.journey.journeys.rules.vocabulary import Finding, RiskLevel, Stage


@dataclass(frozen=True, slots=True)
class Listed:
    """Where one client stands, as it is kept."""

    client_id: str
    name: str
    stage: Stage
    stage_since: datetime
    score: float
    level: RiskLevel
    findings: Sequence[Finding]
    last_event_at: datetime | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some clients in the order of a list, and whether there are more."""

    clients: Sequence[Listed]
    more: bool


@dataclass(frozen=True, slots=True)
class Where:
    """Which clients a list names."""

    min_level: RiskLevel
    stage: Stage | None = None
    """None: any."""
    owner: str = ""
    """Empty: whoever's."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a client in the order of a list."""

    level: RiskLevel
    score: float
    client_id: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Clients that follow each other in an index by score and client_id."""

    level: RiskLevel
    stage: Stage | None
    after: Cursor | None
    """None: from the start."""


def stretches(where: Where, after: Cursor | None) -> Iterator[Stretch]:
    """Where the rest of a list lies: a stretch for each level, those of the highest first.

    Those at LOW are in the index by stage alone, so there each stage is a stretch.
    """
    for level in sorted(RiskLevel, reverse=True):
        if level < where.min_level or (after is not None and level > after.level):
            continue
        begin = after if after is not None and after.level == level else None
        if where.stage is None and level is RiskLevel.LOW:
            yield from (Stretch(level, stage, begin) for stage in Stage)
        else:
            yield Stretch(level, where.stage, begin)

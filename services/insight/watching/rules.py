"""Where a watch stands, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.insight.insights.rules.life import Insight

CHUNK = 200
"""Changes that are looked at in one go."""

Change = tuple[int, Sequence[UUID]]
"""What one transaction changed: its position, and the ids."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a watch stands: all up to `position` is sent, and `offset` ids of what follows."""

    position: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What to send next: insights, each with the place after it, and the place after them all."""

    insights: Sequence[tuple[Insight, Place]]
    after: Place
    more: bool
    logged_at: datetime
    """Nothing that follows was written long before."""


def walk(changes: Sequence[Change], place: Place) -> list[tuple[UUID, Place]]:
    """Up to CHUNK ids after a place, each with the place after it; of equal ids the last alone."""
    steps: list[tuple[UUID, Place]] = []
    offset, before = place.offset, place.position
    for position, insight_ids in changes:
        for index in range(offset, len(insight_ids)):
            last = index == len(insight_ids) - 1
            after = Place(position) if last else Place(before, index + 1)
            steps.append((insight_ids[index], after))
            if len(steps) == CHUNK:
                return _once(steps)
        before, offset = position, 0
    return _once(steps)


def _once(steps: Sequence[tuple[UUID, Place]]) -> list[tuple[UUID, Place]]:
    latest = {insight_id: index for index, (insight_id, _) in enumerate(steps)}
    return [step for index, step in enumerate(steps) if latest[step[0]] == index]

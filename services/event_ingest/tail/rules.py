"""Where a tail stands, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.event_ingest.events.rules import Organisation, StoredRow

CHUNK = 200
"""Events of the log that are looked at in one go."""

Batch = tuple[int, Sequence[UUID]]
"""What one transaction added for the organisation: its position in the log, and the ids."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tail stands: all up to `position` is sent, and `offset` events of what follows."""

    position: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What to send next: events, each with the place after it, and the place after all of them."""

    events: Sequence[tuple[StoredRow, Place]]
    after: Place
    more: bool
    organisation: Organisation
    logged_at: datetime
    """Nothing that follows was written long before."""


def walk(batches: Sequence[Batch], place: Place) -> list[tuple[UUID, Place]]:
    """Up to CHUNK ids of the log after a place, each with the place after it."""
    steps: list[tuple[UUID, Place]] = []
    offset, before = place.offset, place.position
    for position, event_ids in batches:
        for index in range(offset, len(event_ids)):
            last = index == len(event_ids) - 1
            steps.append((event_ids[index], Place(position) if last else Place(before, index + 1)))
            if len(steps) == CHUNK:
                return steps
        before, offset = position, 0
    return steps

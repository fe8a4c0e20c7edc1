"""What is kept of a refused event. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.event_ingest.events.rules import StoredRow, Verdict

KEPT_PER_DAY = 10_000
"""Per organisation; what is refused beyond it is counted, not kept."""

MAX_REPLAY = 1_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that was not stored, as it was sent, and why."""

    rejection_id: bytes
    verdict: Verdict
    reason: str
    message: str
    event_id: str
    user_id: str | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """A page of refused events."""

    rows: Sequence[StoredRow]
    more: bool
    not_kept: int

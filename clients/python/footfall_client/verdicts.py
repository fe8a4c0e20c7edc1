"""What can become of an event: a verdict of the server, or a reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from footfall.events.v1.event_ingest_pb2 import (
    VERDICT_ACCEPTED,
    VERDICT_CONFLICT,
    VERDICT_DUPLICATE,
    EventResult,
    Verdict,
)

if TYPE_CHECKING:
    from footfall.events.v1.event_pb2 import Event

STORED = frozenset((VERDICT_ACCEPTED, VERDICT_DUPLICATE))


class DropCode(StrEnum):
    """Why an event was given up without a verdict."""

    INVALID_EVENT = "invalid_event"
    """It cannot be written as an event: no JSON, a float as money, a time without a zone."""
    EVENT_TOO_LARGE = "event_too_large"
    """It is larger than `Options.max_event_bytes`."""
    QUEUE_FULL = "queue_full"
    """Memory holds as much as it may, and there is no spool."""
    SPOOL_FULL = "spool_full"
    """The spool holds as much as it may."""
    CALL_FAILED = "call_failed"
    """The server refused the whole call for good; the detail names the status."""
    CLOSED = "closed"
    """The client was closed, or the upload left, before it was delivered. If it was on its way just
    then, the server may have stored it all the same."""


@dataclass(frozen=True, slots=True)
class DropReason:
    """Why an event was dropped, for programs (`code`) and for people (`detail`)."""

    code: DropCode
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else str(self.code)


@dataclass(frozen=True, slots=True)
class Dropped:
    """An event that was given up."""

    event: Event
    reason: DropReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that the server refused: VERDICT_REJECTED or VERDICT_CONFLICT."""

    event: Event
    result: EventResult


Notice = Dropped | Rejected


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one batch of an upload. Every event taken is in `events` or in `dropped`."""

    events: Sequence[Event]
    """The events that have a verdict."""
    results: Sequence[EventResult]
    """Their verdicts, in the same order."""
    dropped: Sequence[Dropped] = field(default=())
    """The events that have none: too large to send, or their call failed for good."""
    attempts: int = 1
    """How many calls it took."""

    @property
    def received(self) -> int:
        """How many events were taken from the source."""
        return len(self.results) + len(self.dropped)

    @property
    def accepted(self) -> int:
        """Stored now."""
        return self._count(VERDICT_ACCEPTED)

    @property
    def duplicate(self) -> int:
        """Stored before with the same content."""
        return self._count(VERDICT_DUPLICATE)

    @property
    def conflict(self) -> int:
        """Refused, because another event with this id is stored."""
        return self._count(VERDICT_CONFLICT)

    @property
    def rejected(self) -> int:
        """Refused for any other reason, verdicts that this version does not know included."""
        return len(self.results) - self.accepted - self.duplicate - self.conflict

    def refusals(self) -> Iterator[Rejected]:
        """Conflicts and rejections, with their events."""
        return refusals(self.events, self.results)

    def _count(self, verdict: Verdict.ValueType) -> int:
        return sum(result.verdict == verdict for result in self.results)


def refusals(events: Sequence[Event], results: Sequence[EventResult]) -> Iterator[Rejected]:
    """What is not stored. An unknown verdict of a newer server counts as not stored."""
    for event, result in zip(events, results, strict=True):
        if result.verdict not in STORED:
            yield Rejected(event, result)

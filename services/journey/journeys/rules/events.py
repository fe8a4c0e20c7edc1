"""Events on their way in, and what becomes of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.journey.journeys.errors import (
    ClientNotFound,
    EventConflict,
    EventInFuture,
    EventTooOld,
    InvalidEvent,
)
from services.journey.journeys.rules.vocabulary import DAY, Happening, Micros, Source, Stage
from shared.errors import FootfallError, Violation

OLDEST: Micros = 946_684_800_000_000
"""The year 2000."""

AHEAD: Micros = DAY

WITH_MEANING = frozenset(
    {
        "invoice_overdue",
        "invoice_paid",
        "support_ticket_opened",
        "support_ticket_closed",
        "milestone_reached",
    }
)


class Verdict(IntEnum):
    """What became of an event."""

    ACCEPTED = 1
    DUPLICATE = 2
    CONFLICT = 3
    REJECTED = 4


class NewEvent(NamedTuple):
    """An event that may be stored."""

    client_id: str
    happening: Happening
    received_at: Micros
    source: Source
    content_hash: bytes


class Arrival(NamedTuple):
    """An event as it came: what is to be stored, or why it is not."""

    event_id: str
    """The server's, when it had none; as it was sent, when it is refused."""
    place: str
    """How to call it in a message: `event`, `events[3]`."""
    event: NewEvent | None
    error: FootfallError | None = None


class Result(NamedTuple):
    """What became of one event."""

    event_id: str
    verdict: Verdict
    error: FootfallError | None = None


@dataclass(frozen=True, slots=True)
class Tracked:
    """What became of a single event, and where it leaves the client."""

    event_id: str
    verdict: Verdict
    stage: Stage
    unusual: bool


def refuse(error: type[InvalidEvent], field: str, description: str) -> InvalidEvent:
    """The error that says of one field what is wrong and what is allowed."""
    return error(violations=[Violation(field, description)])


def explanation(error: FootfallError) -> str:
    """What is wrong and what is allowed, in one line for people."""
    if not error.violations:
        return error.message
    return "; ".join(f"{one.field}: {one.description}" for one in error.violations)


def check_time(at: Micros, now: Micros, field: str) -> None:
    """Refuse what lies before 2000 or more than 24 hours ahead."""
    if at > now + AHEAD:
        raise refuse(EventInFuture, field, "lies more than 24 hours ahead; check the clock")
    if at < OLDEST:
        raise refuse(EventTooOld, field, "is before the year 2000")


def means_something(event_type: str, metadata: Mapping[str, object]) -> bool:
    """Whether an event says something without a stage."""
    return event_type in WITH_MEANING or isinstance(metadata.get("sentiment"), str)


def firsts(arrivals: Sequence[Arrival], clients: set[str]) -> dict[UUID, NewEvent]:
    """The first event of each id, of clients that there are: those that may be stored."""
    found: dict[UUID, NewEvent] = {}
    for one in arrivals:
        if one.event is not None and one.event.client_id in clients:
            found.setdefault(one.event.happening.event_id, one.event)
    return found


def judge(
    arrival: Arrival, clients: set[str], new: Mapping[UUID, NewEvent], stored: Mapping[UUID, bytes]
) -> Result:
    """The verdict on an event.

    `new` are the events that were stored just now, `stored` the content hashes of all others by id.
    """
    event = arrival.event
    if event is None:
        return Result(arrival.event_id, Verdict.REJECTED, arrival.error)
    if event.client_id not in clients:
        unknown = [Violation(f"{arrival.place}.client_id", "there is no client of that id")]
        error = ClientNotFound(violations=unknown, resource="client")
        return Result(arrival.event_id, Verdict.REJECTED, error)
    first = new.get(event.happening.event_id)
    if first is event:
        return Result(arrival.event_id, Verdict.ACCEPTED)
    kept = stored[event.happening.event_id] if first is None else first.content_hash
    if event.content_hash == kept:
        return Result(arrival.event_id, Verdict.DUPLICATE)
    return Result(arrival.event_id, Verdict.CONFLICT, EventConflict())

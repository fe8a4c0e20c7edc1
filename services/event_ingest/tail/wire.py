"""Pieces of the tail on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.rules import EventQuery
from services.event_ingest.events.wire import to_fitting_events
from services.event_ingest.tail.rules import Piece, Place


def from_tail_events(request: pb.TailEventsRequest) -> EventQuery:
    """What is followed."""
    return EventQuery(request.user_id, tuple(request.types))


def to_messages(piece: Piece) -> Iterator[tuple[Sequence[pb.StoredEvent], Place]]:
    """The events of a piece in messages that clients take, each with the place after it."""
    rest = piece.events
    while rest:
        shown, _ = to_fitting_events((row for row, _ in rest), piece.organisation)
        after = rest[len(shown) - 1][1]
        rest = rest[len(shown) :]
        yield shown, after if rest else piece.after
    if not piece.events:
        yield (), piece.after


def to_token(place: Place, logged_at: datetime) -> tuple[int, int, int]:
    """A place as a resume token holds it, with the time since which the log is needed then."""
    return place.position, place.offset, int(logged_at.timestamp())


def from_token(token: Sequence[int]) -> tuple[Place, datetime]:
    """The place inside a resume token, and since when the log is needed to go on there."""
    return Place(token[0], token[1]), datetime.fromtimestamp(token[2], UTC)

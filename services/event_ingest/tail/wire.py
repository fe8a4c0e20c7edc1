"""Pieces of the tail on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.rules import EventQuery, Organisation, StoredRow
from services.event_ingest.events.wire import to_fitting_events
from shared.following import Piece, Place


def from_tail_events(request: pb.TailEventsRequest) -> EventQuery:
    """What is followed."""
    return EventQuery(request.user_id, tuple(request.types))


def to_messages(
    piece: Piece[StoredRow], organisation: Organisation
) -> Iterator[tuple[Sequence[pb.StoredEvent], Place]]:
    """The events of a piece in messages that clients take, each with the place after it."""
    rest = piece.shown
    while rest:
        shown, _ = to_fitting_events((row for row, _ in rest), organisation)
        after = rest[len(shown) - 1][1]
        rest = rest[len(shown) :]
        yield shown, after if rest else piece.after
    if not piece.shown:
        yield (), piece.after

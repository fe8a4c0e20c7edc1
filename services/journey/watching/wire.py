"""Pieces of a watch on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from footfall.journey.v1 import clients_pb2, watch_pb2
from services.journey.journeys.rules.vocabulary import RiskLevel, Stage
from services.journey.standings.rules import Listed
from services.journey.standings.wire import to_fitting
from services.journey.watching.rules import Watched
from shared.following import Piece, Place


def from_watch_journeys(request: watch_pb2.WatchJourneysRequest) -> Watched:
    """Who is followed."""
    return Watched(
        frozenset(request.client_ids),
        RiskLevel(request.min_risk_level or RiskLevel.LOW),
        tuple(Stage(one) for one in request.stages),
    )


def to_messages(
    piece: Piece[Listed],
) -> Iterator[tuple[Sequence[clients_pb2.ClientStanding], Place]]:
    """The clients of a piece in messages that callers take, each with the place after it."""
    rest = piece.shown
    while rest:
        shown, _ = to_fitting(client for client, _ in rest)
        after = rest[len(shown) - 1][1]
        rest = rest[len(shown) :]
        yield shown, after if rest else piece.after
    if not piece.shown:
        yield (), piece.after

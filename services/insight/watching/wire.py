"""Pieces of a watch on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from footfall.insights.v1 import insight_pb2, watch_pb2
from services.insight.detection.rules.vocabulary import InsightType
from services.insight.insights.rules.life import InsightFilter
from services.insight.insights.wire import to_fitting
from services.insight.watching.rules import Piece, Place


def from_watch_insights(request: watch_pb2.WatchInsightsRequest) -> InsightFilter:
    """What is followed."""
    return InsightFilter(
        types=[InsightType(one) for one in request.insight_types],
        user_id=request.user_id,
        client_id=request.client_id,
    )


def to_messages(piece: Piece) -> Iterator[tuple[Sequence[insight_pb2.Insight], Place]]:
    """The insights of a piece in messages that clients take, each with the place after it."""
    rest = piece.insights
    while rest:
        shown, _ = to_fitting(insight for insight, _ in rest)
        after = rest[len(shown) - 1][1]
        rest = rest[len(shown) :]
        yield shown, after if rest else piece.after
    if not piece.insights:
        yield (), piece.after


def to_token(place: Place, logged_at: datetime) -> tuple[int, int, int]:
    """A place as a resume token holds it, with the time since which changes are needed then."""
    return place.position, place.offset, int(logged_at.timestamp())


def from_token(token: Sequence[int]) -> tuple[Place, datetime]:
    """The place inside a resume token, and since when changes are needed to go on there."""
    return Place(token[0], token[1]), datetime.fromtimestamp(token[2], UTC)

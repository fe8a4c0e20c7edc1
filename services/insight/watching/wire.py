"""Pieces of a watch on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from footfall.insights.v1 import insight_pb2, watch_pb2
from services.insight.detection.rules.vocabulary import InsightType
from services.insight.insights.rules.life import Insight, InsightFilter
from services.insight.insights.wire import to_fitting
from shared.following import Piece, Place


def from_watch_insights(request: watch_pb2.WatchInsightsRequest) -> InsightFilter:
    """What is followed."""
    return InsightFilter(
        types=[InsightType(one) for one in request.insight_types],
        user_id=request.user_id,
        client_id=request.client_id,
    )


def to_messages(piece: Piece[Insight]) -> Iterator[tuple[Sequence[insight_pb2.Insight], Place]]:
    """The insights of a piece in messages that clients take, each with the place after it."""
    rest = piece.shown
    while rest:
        shown, _ = to_fitting(insight for insight, _ in rest)
        after = rest[len(shown) - 1][1]
        rest = rest[len(shown) :]
        yield shown, after if rest else piece.after
    if not piece.shown:
        yield (), piece.after

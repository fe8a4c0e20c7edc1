"""The signals of clients on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from footfall.insights.v1 import insight_pb2
from footfall.insights.v1 import signals_pb2 as pb
from services.insight.customer_actions.wire import to_money
from services.insight.insights.rules.stored import restored
from services.insight.insights.wire import to_insight
from services.insight.profiles.wire import from_place, to_timestamp
from services.insight.signals.rules import Page, Signals, Summary, Which, usage_ratio


def to_client_signals(client_id: str, as_of: datetime, signals: Signals) -> pb.ClientSignals:
    """What is known of a client."""
    return pb.ClientSignals(
        client_id=client_id,
        as_of=to_timestamp(as_of),
        recent_events=signals.recent_events,
        previous_events=signals.previous_events,
        usage_ratio=usage_ratio(signals.recent_events, signals.previous_events),
        feature_uses=signals.feature_uses,
        features_used=signals.features_used,
        feature_uses_p25=signals.feature_uses_p25,
        last_activity_at=None if signals.last_at is None else to_timestamp(signals.last_at),
        open_insights=[to_insight(restored(one)) for one in signals.insights],
        revenue_30_days=[
            to_money(one.month_micros, one.currency)
            for one in signals.revenue
            if one.month_micros is not None
        ],
        revenue_365_days=[to_money(one.year_micros, one.currency) for one in signals.revenue],
        lag_seconds=signals.lag_seconds,
    )


def from_list_client_signals(
    request: pb.ListClientSignalsRequest, place: Sequence[str] | None, now: datetime
) -> Which:
    """Which clients to list; the first page says as of when all are."""
    after, as_of = from_place(place, now)
    return Which(as_of, after, list(request.client_ids))


def to_list_client_signals(
    page: Page, as_of: datetime
) -> tuple[pb.ListClientSignalsResponse, tuple[str, str] | None]:
    """A page of clients, and where the next one goes on."""
    response = pb.ListClientSignalsResponse(
        clients=[_to_summary(one) for one in page.clients],
        as_of=to_timestamp(as_of),
        feature_uses_p25=page.feature_uses_p25,
        lag_seconds=page.lag_seconds,
    )
    if not page.more:
        return response, None
    return response, (page.clients[-1].client_id, as_of.isoformat())


def _to_summary(one: Summary) -> pb.ClientSignalsSummary:
    return pb.ClientSignalsSummary(
        client_id=one.client_id,
        recent_events=one.recent_events,
        previous_events=one.previous_events,
        feature_uses=one.feature_uses,
        last_activity_at=to_timestamp(one.last_at),
        open_insight_types=[
            cast("insight_pb2.InsightType.ValueType", kind) for kind in one.insight_types
        ],
    )

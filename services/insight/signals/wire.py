"""The signals of a client on the wire."""

from __future__ import annotations

from datetime import datetime

from footfall.insights.v1 import signals_pb2 as pb
from services.insight.customer_actions.wire import to_money
from services.insight.insights.rules.stored import restored
from services.insight.insights.wire import to_insight
from services.insight.profiles.wire import to_timestamp
from services.insight.signals.rules import Signals, usage_ratio


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

"""Insight's answers on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError

from footfall.insights.v1 import signals_pb2 as pb
from services.journey.journeys.rules.vocabulary import Micros, Signals
from services.journey.signals.errors import InsightFails
from services.journey.signals.rules import can_be

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def from_get_client_signals(raw: bytes, client_id: str, now: datetime) -> Signals:
    """What is known of that client. Raises InsightFails when it cannot be."""
    try:
        signals = pb.GetClientSignalsResponse.FromString(raw).signals
    except DecodeError:
        raise InsightFails("bytes that are no answer") from None
    if signals.client_id != client_id:
        raise InsightFails("an answer about another client")
    p25 = signals.feature_uses_p25 if signals.HasField("feature_uses_p25") else None
    if not can_be(signals.lag_seconds, p25, signals.feature_uses):
        raise InsightFails("numbers that cannot be")
    return Signals(signals.feature_uses, p25, _measured_at(now, signals.lag_seconds))


def _measured_at(now: datetime, lag_seconds: float) -> Micros:
    """For when holds what was asked for now: later events are not counted yet."""
    return (now - _EPOCH) // _MICROSECOND - round(lag_seconds * 1_000_000)

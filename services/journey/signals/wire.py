"""Insight's answers on the wire. What cannot be true raises InsightFails."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from google.protobuf.message import DecodeError

from footfall.insights.v1 import signals_pb2 as pb
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import Micros, Signals
from services.journey.signals.errors import InsightFails
from services.journey.signals.rules.answers import can_be
from services.journey.signals.rules.sweeps import Fleet, Measured


def from_get_client_signals(raw: bytes, client_id: str, now: datetime) -> Signals:
    """What is known of that client."""
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


def from_list_client_signals(raw: bytes, asked: Collection[str], now: datetime) -> Fleet:
    """What is known of those clients."""
    try:
        answer = pb.ListClientSignalsResponse.FromString(raw)
    except DecodeError:
        raise InsightFails("bytes that are no answer") from None
    clients = {one.client_id: _measured(one) for one in answer.clients}
    if not answer.HasField("as_of") or answer.next_page_token or not clients.keys() <= set(asked):
        raise InsightFails("an answer to another question")
    p25 = answer.feature_uses_p25 if answer.HasField("feature_uses_p25") else None
    counts = (
        count
        for one in clients.values()
        for count in (one.feature_uses, one.recent_events, one.previous_events)
    )
    if not can_be(answer.lag_seconds, p25, 0, *counts):
        raise InsightFails("numbers that cannot be")
    return Fleet(clients, p25, _measured_at(now, answer.lag_seconds))


def _measured(one: pb.ClientSignalsSummary) -> Measured:
    return Measured(
        one.client_id,
        one.feature_uses,
        one.recent_events,
        one.previous_events,
        list(one.open_insight_types),
    )


def _measured_at(now: datetime, lag_seconds: float) -> Micros:
    """For when holds what was asked for now: later events are not counted yet."""
    return to_micros(now) - round(lag_seconds * 1_000_000)

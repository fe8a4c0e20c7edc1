"""What insight may answer, and what is no answer."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.insights.v1 import insight_pb2
from footfall.insights.v1 import signals_pb2 as pb
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import Signals
from services.journey.signals.errors import InsightFails
from services.journey.signals.rules.sweeps import Fleet, Measured
from services.journey.signals.wire import from_get_client_signals, from_list_client_signals

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_MINUTE_AGO = to_micros(NOW - timedelta(minutes=1))


def one(**signals: Any) -> bytes:
    usual: dict[str, Any] = {"client_id": "one", "feature_uses": 3, "feature_uses_p25": 4.5}
    said = pb.ClientSignals(**{**usual, **signals})
    return pb.GetClientSignalsResponse(signals=said).SerializeToString()


def several(*clients: pb.ClientSignalsSummary, **answer: Any) -> bytes:
    usual: dict[str, Any] = {"as_of": NOW, "feature_uses_p25": 4.5, "lag_seconds": 60}
    said: Any = pb.ListClientSignalsResponse(clients=clients, **{**usual, **answer})
    return bytes(said.SerializeToString())


def summary(client_id: str = "one", **counts: Any) -> pb.ClientSignalsSummary:
    return pb.ClientSignalsSummary(client_id=client_id, **counts)


def test_of_one_client() -> None:
    found = from_get_client_signals(one(lag_seconds=60), "one", NOW)
    assert found == Signals(3, 4.5, A_MINUTE_AGO)
    small = pb.GetClientSignalsResponse(signals=pb.ClientSignals(client_id="one"))
    found = from_get_client_signals(small.SerializeToString(), "one", NOW)
    assert found == Signals(0, None, to_micros(NOW))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff",
        one(client_id="two"),
        one(feature_uses=-1),
        one(feature_uses_p25=math.nan),
        one(feature_uses_p25=math.inf),
        one(feature_uses_p25=-0.5),
        one(lag_seconds=math.nan),
        one(lag_seconds=-1.0),
    ],
)
def test_no_answer_about_one(raw: bytes) -> None:
    with pytest.raises(InsightFails):
        from_get_client_signals(raw, "one", NOW)


def test_of_several() -> None:
    stuck = insight_pb2.INSIGHT_TYPE_STUCK_USER
    raw = several(
        summary(feature_uses=3, recent_events=2, previous_events=1, open_insight_types=[stuck])
    )
    found = from_list_client_signals(raw, ["one", "two"], NOW)
    assert found == Fleet({"one": Measured("one", 3, 2, 1, [stuck])}, 4.5, A_MINUTE_AGO)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff",
        several(summary("stranger")),
        several(summary(feature_uses=-1)),
        several(summary(recent_events=-1)),
        several(summary(previous_events=-1)),
        several(feature_uses_p25=math.nan),
        several(lag_seconds=math.inf),
        several(next_page_token="more"),
        several(as_of=None),
    ],
)
def test_no_answer_about_several(raw: bytes) -> None:
    with pytest.raises(InsightFails):
        from_list_client_signals(raw, ["one", "two"], NOW)


@given(st.binary(max_size=300))
def test_whatever_bytes_come_nothing_else_is_raised(raw: bytes) -> None:
    for read in (
        lambda: from_get_client_signals(raw, "one", NOW),
        lambda: from_list_client_signals(raw, ["one"], NOW),
    ):
        with suppress(InsightFails):
            read()

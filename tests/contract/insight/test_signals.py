"""What is known of a client, a moment after the events that it is known from."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.type.money_pb2 import Money

from footfall.events.v1 import event_pb2
from footfall.insights.v1 import insight_pb2, signals_pb2
from footfall.insights.v1 import insight_requests_pb2 as insights
from tests.ingesting import Caller, Ingest, event, refusal, running_ingest
from tests.insighting import Asker, Insight, running_insight
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""Of a day that is over, so that no midnight comes between an event and the question."""
LONG_AGO = NOON - timedelta(days=3000)
_FOLD_SECONDS = 60

pytestmark = pytest.mark.usefixtures("folding")


def signals_of(asker: Asker, client_id: str = "one", as_of: Any = NOON) -> Any:
    request = signals_pb2.GetClientSignalsRequest(client_id=client_id, as_of=as_of)
    return asker.call("GetClientSignals", request).signals


def did(days: float, kind: str = "feature_used", client_id: str = "one", **fields: Any) -> Any:
    return event(kind, client_id=client_id, occurred_at=NOON - timedelta(days=days), **fields)


def paid(days: float, currency: str, units: int, nanos: int = 0, *, back: bool = False) -> Any:
    kind = event_pb2.REVENUE_KIND_REFUND if back else event_pb2.REVENUE_KIND_PURCHASE
    amount = Money(currency_code=currency, units=units, nanos=nanos)
    return did(days, "revenue", revenue=event_pb2.Revenue(kind=kind, amount=amount))


def fold(backend: Caller, asker: Asker, *events: Any) -> None:
    """Store events and wait until they are counted; asks for another time than the test does."""
    assert set(backend.verdicts(*events)) == {"ACCEPTED"}
    deadline = time.monotonic() + _FOLD_SECONDS
    while signals_of(asker, as_of=LONG_AGO).lag_seconds > 0:
        assert time.monotonic() < deadline, "the worker does not fold"
        time.sleep(0.05)


def money(amounts: Any) -> list[tuple[str, int, int]]:
    return [(one.currency_code, one.units, one.nanos) for one in amounts]


class TestUse:
    def test_two_weeks_are_compared(self, backend: Caller, asker: Asker) -> None:
        days = [-0.4, 0, 6, 6.4, 7, 7, 13, 14, 20]
        fold(backend, asker, *[did(day) for day in days], did(1, client_id="two"))
        found = signals_of(asker)
        assert (found.recent_events, found.previous_events) == (4, 3)
        assert found.usage_ratio == pytest.approx(4 / 3)
        assert found.client_id == "one"
        assert found.as_of.ToDatetime(UTC) == NOON
        assert found.last_activity_at.ToDatetime(UTC) == NOON + timedelta(days=0.4)
        before = signals_of(asker, as_of=NOON - timedelta(days=7))
        assert (before.recent_events, before.previous_events) == (3, 2)

    def test_there_is_no_ratio_without_a_week_before(self, backend: Caller, asker: Asker) -> None:
        fold(backend, asker, did(0))
        assert not signals_of(asker).HasField("usage_ratio")

    def test_a_stop_is_a_ratio_of_nothing(self, backend: Caller, asker: Asker) -> None:
        fold(backend, asker, did(40), did(8))
        found = signals_of(asker)
        assert found.HasField("usage_ratio")
        assert found.usage_ratio == 0
        assert found.last_activity_at.ToDatetime(UTC) == NOON - timedelta(days=8)
        assert signals_of(asker, as_of=NOON + timedelta(hours=1)).usage_ratio == 0

    def test_features_of_thirty_days(self, backend: Caller, asker: Asker) -> None:
        fold(
            backend,
            asker,
            did(0, feature="reports"),
            did(29, feature="reports"),
            did(3, "tool_usage", feature="voice"),
            did(3, "feature_abandoned", feature="maps"),
            did(3, "page_view", feature="home"),
            did(30, feature="old"),
            did(1, client_id="two", feature="theirs"),
        )
        found = signals_of(asker)
        assert (found.feature_uses, found.features_used) == (3, 2)

    def test_nothing_is_known_of_a_stranger(self, backend: Caller, asker: Asker) -> None:
        fold(backend, asker, did(0))
        expected = signals_pb2.ClientSignals(client_id="stranger")
        expected.as_of.FromDatetime(NOON)
        assert signals_of(asker, "stranger") == expected


class TestQuartile:
    @pytest.mark.parametrize("clients", [19, 20, 22])
    def test_it_is_that_of_clients_active_of_late(
        self, backend: Caller, asker: Asker, clients: int
    ) -> None:
        uses = [number * number % 23 for number in range(clients)]
        names = [f"client-{number}" for number in range(clients)]
        events = [did(29, "page_view", name) for name in names]
        events += [
            did(2, "feature_used", name)
            for name, n in zip(names, uses, strict=True)
            for _ in range(n)
        ]
        fold(backend, asker, *events, did(30, client_id="gone"))
        found = signals_of(asker, "client-3")
        if clients < 20:
            assert not found.HasField("feature_uses_p25")
        else:
            quartile = statistics.quantiles(uses, n=4, method="inclusive")[0]
            assert found.feature_uses_p25 == pytest.approx(quartile)
            # Remembered, and the same for every client.
            assert signals_of(asker, "client-4").feature_uses_p25 == found.feature_uses_p25


class TestRevenue:
    def test_refunds_are_taken_off_currency_by_currency(
        self, ingest: Ingest, asker: Asker, acme: Organisation
    ) -> None:
        acme.set("retention_days", None)
        fold(
            ingest.caller(acme),
            asker,
            paid(0, "EUR", 100, 250_000_000),
            paid(29, "EUR", 10),
            paid(30, "EUR", 1000),
            paid(2, "EUR", 30, 500_000_000, back=True),
            paid(3, "USD", 5, 10_000_000, back=True),
            paid(364, "CHF", 7),
            paid(365, "CHF", 900),
        )
        found = signals_of(asker)
        assert money(found.revenue_30_days) == [("EUR", 79, 750_000_000), ("USD", -5, -10_000_000)]
        assert money(found.revenue_365_days) == [
            ("CHF", 7, 0),
            ("EUR", 1079, 750_000_000),
            ("USD", -5, -10_000_000),
        ]

    def test_sums_may_be_larger_than_any_payment(self, backend: Caller, asker: Asker) -> None:
        fold(backend, asker, *[paid(day, "EUR", 9_000_000_000_000) for day in range(4)])
        assert money(signals_of(asker).revenue_365_days) == [("EUR", 36_000_000_000_000, 0)]


class TestInsights:
    def test_what_stands_of_the_client(self, backend: Caller, asker: Asker) -> None:
        fold(
            backend,
            asker,
            *[did(10) for _ in range(25)],
            *[did(2, "feature_abandoned", feature="maps") for _ in range(6)],
            *[did(10, client_id="two") for _ in range(25)],
        )
        request = insights.GenerateInsightsRequest()
        for client_id in ("one", "two"):
            request.client_id = client_id
            asker.call("GenerateInsights", request)
        found = signals_of(asker, as_of=None).open_insights
        assert [one.insight_type for one in found[:1]] == [insight_pb2.INSIGHT_TYPE_CHURN_RISK]
        assert insight_pb2.INSIGHT_TYPE_STUCK_USER in [one.insight_type for one in found]
        assert {one.subject.client_id for one in found} == {"one"}
        for one in found:
            kept = insights.GetInsightRequest(insight_id=one.insight_id)
            assert asker.call("GetInsight", kept).insight == one
        weights = [one.weight for one in found]
        assert weights == sorted(weights, reverse=True)
        closed = insights.ResolveInsightRequest(insight_id=found[0].insight_id, etag=found[0].etag)
        asker.call("ResolveInsight", closed)
        assert list(signals_of(asker, as_of=None).open_insights) == list(found[1:])


class TestWhoMayAsk:
    @pytest.mark.parametrize("subject", ["olga", "adam", "backend"])
    def test_all_but_members(
        self, backend: Caller, insight: Insight, acme: Organisation, subject: str
    ) -> None:
        asker = insight.asker(acme, subject)
        fold(backend, asker, did(0))
        assert signals_of(asker).recent_events == 1
        with pytest.raises(grpc.RpcError) as failed:
            signals_of(insight.asker(acme, "mia"))
        assert refusal(failed.value).code is grpc.StatusCode.PERMISSION_DENIED

    def test_organisations_share_nothing(
        self, backend: Caller, asker: Asker, insight: Insight, globex: Organisation
    ) -> None:
        fold(backend, asker, did(0, feature="reports"), paid(0, "EUR", 5))
        expected = signals_pb2.ClientSignals(client_id="one")
        expected.as_of.FromDatetime(NOON)
        assert signals_of(insight.asker(globex)) == expected

    @pytest.mark.parametrize(
        ("field", "asked"),
        [
            ("client_id", {"client_id": ""}),
            ("client_id", {"client_id": "a\0b"}),
            ("as_of", {"as_of": NOON + timedelta(days=30)}),
        ],
    )
    def test_what_cannot_be_asked(self, asker: Asker, field: str, asked: dict[str, Any]) -> None:
        with pytest.raises(grpc.RpcError) as failed:
            signals_of(asker, **asked)
        assert list(refusal(failed.value).violations) == [field]


def test_it_says_how_far_behind_it_is(
    database: MigratedDatabase, organisation: Organisation
) -> None:
    """Without the worker nothing is counted, and the answer says since when."""
    with running_ingest(database) as ingest, running_insight(database) as insight:
        asker = insight.asker(organisation)
        assert signals_of(asker, as_of=None).lag_seconds == 0
        began = time.monotonic()
        ingest.caller(organisation).ingest(did(0))
        found = signals_of(asker, as_of=None)
        assert found.recent_events == 0
        assert 0 < found.lag_seconds <= time.monotonic() - began
        later = signals_of(asker, as_of=None)
        assert later.lag_seconds > found.lag_seconds
        assert later.lag_seconds <= time.monotonic() - began

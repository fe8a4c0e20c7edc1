"""The list of all clients says of each what the question for that one says."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from footfall.insights.v1 import insight_pb2, signals_pb2
from footfall.insights.v1 import insight_requests_pb2 as insights
from tests.ingesting import Caller, event, refusal, running_ingest
from tests.insighting import Asker, Insight, running_insight
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
_FOLD_SECONDS = 60

pytestmark = pytest.mark.usefixtures("folding")


def page_of(asker: Asker, size: int = 0, token: str = "", **asked: Any) -> Any:
    request = signals_pb2.ListClientSignalsRequest(page_size=size, page_token=token, **asked)
    return asker.call("ListClientSignals", request)


def pages_of(asker: Asker, size: int = 0, **asked: Any) -> list[Any]:
    """All pages, to the last."""
    pages = [page_of(asker, size, **asked)]
    while pages[-1].next_page_token:
        pages.append(page_of(asker, size, pages[-1].next_page_token, **asked))
    return pages


def clients_of(pages: Sequence[Any]) -> list[Any]:
    return [client for page in pages for client in page.clients]


def asked_one_by_one(asker: Asker, client_id: str, as_of: Any) -> Any:
    request = signals_pb2.GetClientSignalsRequest(client_id=client_id, as_of=as_of)
    return asker.call("GetClientSignals", request).signals


def in_short(full: Any) -> Any:
    """What a list should say, from what the question for one client says."""
    return signals_pb2.ClientSignalsSummary(
        client_id=full.client_id,
        recent_events=full.recent_events,
        previous_events=full.previous_events,
        feature_uses=full.feature_uses,
        last_activity_at=full.last_activity_at,
        open_insight_types=sorted({one.insight_type for one in full.open_insights}),
    )


def did(days: float, client_id: str, kind: str = "feature_used", **fields: Any) -> Any:
    return event(kind, client_id=client_id, occurred_at=NOON - timedelta(days=days), **fields)


def fold(backend: Caller, asker: Asker, *events: Any) -> None:
    """Store events and wait until they are counted."""
    assert set(backend.verdicts(*events)) == {"ACCEPTED"}
    deadline = time.monotonic() + _FOLD_SECONDS
    while page_of(asker).lag_seconds > 0:
        assert time.monotonic() < deadline, "the worker does not fold"
        time.sleep(0.05)


def a_busy_fleet() -> list[Any]:
    """Twenty-two clients, each with uses of its own over two months."""
    return [
        did(day, f"client-{number:02}", kind, feature="export")
        for number in range(22)
        for day in range(0, 60, 3 + number)
        for kind in ("feature_used", "page_view")
    ]


def test_it_agrees_with_the_question_for_each_client(backend: Caller, asker: Asker) -> None:
    fold(
        backend,
        asker,
        *a_busy_fleet(),
        *[did(10, "stuck") for _ in range(25)],
        *[did(2, "stuck", "feature_abandoned", feature="maps") for _ in range(6)],
    )
    asker.call("GenerateInsights", insights.GenerateInsightsRequest(client_id="stuck"))
    pages = pages_of(asker, size=5)
    assert [len(page.clients) for page in pages] == [5, 5, 5, 5, 3]
    clients = clients_of(pages)
    assert [one.client_id for one in clients] == sorted({one.client_id for one in clients})
    assert insight_pb2.INSIGHT_TYPE_STUCK_USER in clients[-1].open_insight_types
    for one in clients:
        full = asked_one_by_one(asker, one.client_id, pages[0].as_of)
        assert one == in_short(full)
        assert pages[0].feature_uses_p25 == full.feature_uses_p25
    assert {page.as_of.ToNanoseconds() for page in pages} == {pages[0].as_of.ToNanoseconds()}
    assert {page.feature_uses_p25 for page in pages} == {pages[0].feature_uses_p25}
    whole = pages_of(asker)
    assert [one.client_id for one in clients_of(whole)] == [one.client_id for one in clients]
    assert len(whole) == 1


def test_insights_that_are_closed_are_not_told(backend: Caller, asker: Asker) -> None:
    fold(backend, asker, *[did(2, "one", "feature_abandoned", feature="maps") for _ in range(6)])
    request = insights.GenerateInsightsRequest(client_id="one")
    found = asker.call("GenerateInsights", request).insights
    types = sorted({one.insight_type for one in found})
    assert insight_pb2.INSIGHT_TYPE_STUCK_USER in types
    for one in found:
        held = insights.AcknowledgeInsightRequest(insight_id=one.insight_id, etag=one.etag)
        one.CopyFrom(asker.call("AcknowledgeInsight", held).insight)
    assert list(page_of(asker).clients[0].open_insight_types) == types
    for one in found:
        closed = insights.ResolveInsightRequest(insight_id=one.insight_id, etag=one.etag)
        asker.call("ResolveInsight", closed)
    assert not page_of(asker).clients[0].open_insight_types


def test_who_was_away_for_sixty_days_is_not_listed(backend: Caller, asker: Asker) -> None:
    fold(backend, asker, did(61, "gone"), did(57, "rare"), did(0, "here"), did(61, "here"))
    answer = page_of(asker)
    assert [one.client_id for one in answer.clients] == ["here", "rare"]
    rare = answer.clients[1]
    assert (rare.recent_events, rare.previous_events, rare.feature_uses) == (0, 0, 0)
    assert rare.last_activity_at.ToDatetime(UTC) == NOON - timedelta(days=57)


def test_some_may_be_named(backend: Caller, asker: Asker) -> None:
    fold(backend, asker, *[did(0, name) for name in ("a", "b", "c", "d")], did(70, "gone"))
    whole = {one.client_id: one for one in page_of(asker).clients}
    named = ["d", "b", "gone", "stranger", "b", "a"]
    pages = pages_of(asker, 2, client_ids=named)
    assert [one.client_id for one in clients_of(pages)] == ["a", "b", "d"]
    assert clients_of(pages) == [whole[name] for name in ("a", "b", "d")]
    request = signals_pb2.ListClientSignalsRequest(
        page_size=2, page_token=pages[0].next_page_token, client_ids=["c"]
    )
    with pytest.raises(grpc.RpcError) as failed:  # a token is good for the list it was made for
        asker.call("ListClientSignals", request)
    assert refusal(failed.value).code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("named", [["x"] * 1001, ["x" * 129], [""], ["a\0b"]])
def test_what_cannot_be_named(asker: Asker, named: list[str]) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        page_of(asker, client_ids=named)
    [field] = refusal(failed.value).violations
    assert field.startswith("client_ids")


def test_nobody_is_a_page_too(asker: Asker) -> None:
    answer = page_of(asker)
    assert (list(answer.clients), answer.next_page_token, answer.lag_seconds) == ([], "", 0)
    assert not answer.HasField("feature_uses_p25")
    assert answer.HasField("as_of")


def test_organisations_share_nothing(
    backend: Caller, asker: Asker, insight: Insight, globex: Organisation
) -> None:
    fold(backend, asker, did(0, "one"), did(0, "two"))
    assert not page_of(insight.asker(globex)).clients
    token = page_of(asker, size=1).next_page_token
    with pytest.raises(grpc.RpcError) as failed:
        page_of(insight.asker(globex), size=1, token=token)
    assert refusal(failed.value).code is grpc.StatusCode.INVALID_ARGUMENT


def test_members_may_not_ask(insight: Insight, acme: Organisation) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        page_of(insight.asker(acme, "mia"))
    assert refusal(failed.value).code is grpc.StatusCode.PERMISSION_DENIED


def test_it_takes_the_scope_of_insights(insight: Insight, acme: Organisation) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        page_of(insight.asker(acme, scopes=["profiles:read"]))
    told = refusal(failed.value)
    assert told.code is grpc.StatusCode.PERMISSION_DENIED
    assert "insights:read" in told.message


def test_it_says_how_far_behind_it_is(
    database: MigratedDatabase, organisation: Organisation
) -> None:
    """Without the worker nothing is counted, and the answer says since when."""
    with running_ingest(database) as ingest, running_insight(database) as insight:
        asker = insight.asker(organisation)
        began = time.monotonic()
        ingest.caller(organisation).ingest(did(0, "one"))
        answer = page_of(asker)
        assert not answer.clients
        assert 0 < answer.lag_seconds <= time.monotonic() - began

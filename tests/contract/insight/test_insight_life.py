"""What becomes of an insight: refreshed, decided on, closed, reopened; listed, and seen by whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from footfall.events.v1 import event_pb2
from footfall.insights.v1 import insight_pb2
from footfall.insights.v1 import insight_requests_pb2 as pb
from tests.detecting import (
    CHURN,
    DAY,
    LAST_WEEK,
    NOON,
    POWER,
    STUCK,
    WEEK_BEFORE,
    events,
    generate,
    made,
    one_of,
    refused,
    send,
    types_of,
    weeks,
)
from tests.ingesting import Caller
from tests.insighting import Asker, Insight
from tests.organisations import Organisation

OPEN, ACKNOWLEDGED, RESOLVED, DISMISSED, EXPIRED = range(1, 6)
REQUESTS = {
    "AcknowledgeInsight": pb.AcknowledgeInsightRequest,
    "ResolveInsight": pb.ResolveInsightRequest,
    "DismissInsight": pb.DismissInsightRequest,
}


@pytest.fixture(autouse=True)
def _folding(folding: None) -> None:
    """Runs count features and clients."""


def decide(asker: Asker, method: str, insight_id: str, **fields: Any) -> Any:
    request = REQUESTS[method](insight_id=insight_id, **fields)
    return asker.call(method, request).insight


def states(asker: Asker, **where: Any) -> dict[str, int]:
    request = pb.ListInsightsRequest(states=insight_pb2.InsightState.values()[1:], **where)
    return {one.insight_id: one.state for one in asker.call("ListInsights", request).insights}


def test_one_insight_is_refreshed_and_not_repeated(backend: Caller, asker: Asker) -> None:
    send(backend, weeks(5, 20))
    first = one_of(generate(asker), CHURN)
    again = one_of(generate(asker, NOON + timedelta(minutes=5)), CHURN)
    assert (again.insight_id, again.etag) == (first.insight_id, first.etag)
    assert again.first_seen_at == first.first_seen_at
    assert again.last_seen_at.ToDatetime(UTC) == NOON + timedelta(minutes=5)
    assert len(states(asker)) == 3


def test_its_life_from_open_to_reopened(backend: Caller, asker: Asker) -> None:
    send(backend, weeks(5, 20))
    first = one_of(generate(asker, NOON - DAY), CHURN)
    taken = decide(asker, "AcknowledgeInsight", first.insight_id, etag=first.etag, note="mine")
    assert (taken.state, taken.note, taken.state_changed_by) == (ACKNOWLEDGED, "mine", "backend")
    assert taken.etag != first.etag
    assert one_of(generate(asker, NOON - DAY / 2), CHURN).state == ACKNOWLEDGED
    done = decide(asker, "ResolveInsight", first.insight_id)
    assert done.state == RESOLVED
    # As bad as before: it stays done with.
    held = generate(asker, NOON - DAY / 4)
    assert first.insight_id not in {one.insight_id for one in held.insights}
    assert states(asker)[first.insight_id] == RESOLVED
    # It holds no more, which opens nothing, and then it does again.
    send(backend, events(10, LAST_WEEK, "page_view"))
    assert types_of(generate(asker, NOON - DAY / 8)).keys() == {"mia", "phone-7"}
    send(backend, events(60, WEEK_BEFORE, "page_view"))
    back = one_of(generate(asker), CHURN)
    assert (back.insight_id, back.state, back.reopened) == (first.insight_id, OPEN, 1)
    assert (back.note, back.state_changed_by) == ("", "")
    assert back.first_seen_at == first.first_seen_at


def test_dismissed_it_comes_back_when_it_gets_worse(backend: Caller, asker: Asker) -> None:
    send(backend, made(51, 0))
    first = one_of(generate(asker, NOON - DAY), POWER)
    assert decide(asker, "DismissInsight", first.insight_id).state == DISMISSED
    send(backend, made(1, 0))
    assert states(asker, insight_types=[POWER])[first.insight_id] == DISMISSED
    generate(asker, NOON - DAY / 2)
    assert states(asker, insight_types=[POWER])[first.insight_id] == DISMISSED
    send(backend, made(200, 0))
    worse = one_of(generate(asker), POWER)
    assert worse.severity > first.severity
    assert (worse.state, worse.reopened) == (OPEN, 1)


def test_unseen_for_fourteen_days_it_expires(backend: Caller, asker: Asker) -> None:
    send(backend, events(6, 40, "feature_abandoned"))
    seen = NOON - 36 * DAY
    first = one_of(generate(asker, seen), STUCK)
    gone = one_of(generate(asker, seen + 10 * DAY), STUCK)
    assert (gone.state, gone.cleared_at.ToDatetime(UTC)) == (OPEN, seen + 10 * DAY)
    almost = one_of(generate(asker, seen + 14 * DAY - timedelta(seconds=1)), STUCK)
    assert (almost.state, almost.cleared_at) == (OPEN, gone.cleared_at)
    assert generate(asker, seen + 14 * DAY).insights == []
    assert states(asker)[first.insight_id] == EXPIRED
    send(backend, events(6, 1, "feature_abandoned"))
    assert one_of(generate(asker), STUCK).reopened == 1


def test_late_events_change_what_a_run_as_of_the_same_time_finds(
    backend: Caller, asker: Asker
) -> None:
    send(backend, weeks(5, 20))
    assert one_of(generate(asker), CHURN).cleared_at.seconds == 0
    send(backend, weeks(5, 0))
    assert one_of(generate(asker), CHURN).cleared_at.ToDatetime(UTC) == NOON


def test_decisions_are_refused_where_they_come_too_late(backend: Caller, asker: Asker) -> None:
    send(backend, weeks(5, 20))
    one = one_of(generate(asker), CHURN)
    taken = decide(asker, "AcknowledgeInsight", one.insight_id)
    stale = refused(
        asker,
        "ResolveInsight",
        pb.ResolveInsightRequest(insight_id=one.insight_id, etag=one.etag),
    )
    assert (stale.code, stale.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    decide(asker, "DismissInsight", one.insight_id, etag=taken.etag)
    for method, request in REQUESTS.items():
        closed = refused(asker, method, request(insight_id=one.insight_id))
        assert closed.code is grpc.StatusCode.FAILED_PRECONDITION
        assert "dismissed" in closed.message
        missing = refused(asker, method, request(insight_id=str(uuid4())))
        assert missing.code is grpc.StatusCode.NOT_FOUND


def test_a_decision_is_repeated_by_its_request_id_and_recorded_once(
    acme: Organisation, backend: Caller, asker: Asker
) -> None:
    send(backend, weeks(5, 20))
    one = one_of(generate(asker), CHURN)
    request = pb.ResolveInsightRequest(
        request_id=str(uuid4()), insight_id=one.insight_id, note="called them"
    )
    answers = [asker.call("ResolveInsight", request) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    rows = acme.database.execute(
        "SELECT actor, target, details ->> 'note', details ->> 'from' FROM app.audit_entries"
        " WHERE org_id = %s AND action = 'insight.resolve'",
        acme.org_id,
    )
    assert rows == [("backend", one.insight_id, "called them", "open")]


def test_lists_are_filtered_and_paged(backend: Caller, asker: Asker) -> None:
    sent: list[event_pb2.Event] = []
    for number in range(30):
        sent += events(6, LAST_WEEK, "feature_abandoned", user_id=f"u{number}", client_id="")
    send(backend, sent + weeks(5, 20))
    answer = generate(asker)
    found, token = [], ""
    while True:
        page = asker.call("ListInsights", pb.ListInsightsRequest(page_size=7, page_token=token))
        assert 0 < len(page.insights) <= 7
        found += page.insights
        token = page.next_page_token
        if not token:
            break
    assert [one.insight_id for one in found] == sorted(one.insight_id for one in answer.insights)

    def listed(**where: Any) -> Sequence[insight_pb2.Insight]:
        shown: Sequence[insight_pb2.Insight] = asker.call(
            "ListInsights", pb.ListInsightsRequest(**where)
        ).insights
        return shown

    assert [one.subject.user_id for one in listed(user_id="u7")] == ["u7"]
    assert {one.subject.client_id for one in listed(client_id="phone-7")} == {"phone-7"}
    assert {one.insight_type for one in listed(insight_types=[CHURN])} == {CHURN}
    assert listed(states=[RESOLVED]) == []


def test_organisations_see_nothing_of_each_other(
    insight: Insight, globex: Organisation, backend: Caller, asker: Asker
) -> None:
    send(backend, weeks(5, 20))
    one = one_of(generate(asker), CHURN)
    stranger = insight.asker(globex)
    assert (generate(stranger).insights, generate(stranger).subjects) == ([], 1)
    assert generate(stranger, user_id="mia").insights == []
    assert stranger.call("ListInsights", pb.ListInsightsRequest()).insights == []
    told = refused(stranger, "GetInsight", pb.GetInsightRequest(insight_id=one.insight_id))
    assert told.code is grpc.StatusCode.NOT_FOUND
    for method, request in REQUESTS.items():
        told = refused(stranger, method, request(insight_id=one.insight_id, etag=one.etag))
        assert told.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "request_of",
    [
        ("GenerateInsights", pb.GenerateInsightsRequest(user_id="mia")),
        ("ListInsights", pb.ListInsightsRequest(user_id="mia")),
        ("GetInsight", pb.GetInsightRequest(insight_id=str(uuid4()))),
        ("ResolveInsight", pb.ResolveInsightRequest(insight_id=str(uuid4()))),
    ],
    ids=lambda one: one[0],
)
def test_members_are_refused(
    insight: Insight, acme: Organisation, request_of: tuple[str, Any]
) -> None:
    told = refused(insight.asker(acme, "mia"), *request_of)
    assert told.code is grpc.StatusCode.PERMISSION_DENIED

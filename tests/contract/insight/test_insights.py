"""Insights, generated from ingested events alone: what is found, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest

from footfall.events.v1 import event_pb2
from footfall.insights.v1 import insight_pb2
from footfall.insights.v1 import insight_requests_pb2 as pb
from tests.detecting import (
    ABANDONMENT,
    ADOPTION,
    BUSY_TIME,
    CHURN,
    DAY,
    DECLINE,
    LAST_WEEK,
    NOON,
    POWER,
    STUCK,
    UPSELL,
    WEEK_BEFORE,
    events,
    generate,
    one_of,
    send,
    types_of,
)
from tests.ingesting import Caller, Ingest, Refused, at, event, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation

SUBJECTS = ("org", "mia", "phone-7")
OPEN, ACKNOWLEDGED, RESOLVED, DISMISSED, EXPIRED = range(1, 6)
REQUESTS = {
    "AcknowledgeInsight": pb.AcknowledgeInsightRequest,
    "ResolveInsight": pb.ResolveInsightRequest,
    "DismissInsight": pb.DismissInsightRequest,
}


@pytest.fixture(autouse=True)
def _folding(folding: None) -> None:
    """All of these depend on features and clients."""


def refused(asker: Asker, method: str, request: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        asker.call(method, request)
    return refusal(failed.value)


def decide(asker: Asker, method: str, insight_id: str, **fields: Any) -> Any:
    request = REQUESTS[method](insight_id=insight_id, **fields)
    return asker.call(method, request).insight


def weeks(recent: int, previous: int) -> list[event_pb2.Event]:
    return events(recent, LAST_WEEK, "page_view") + events(previous, WEEK_BEFORE, "page_view")


def starts(used: int, abandoned: int) -> list[event_pb2.Event]:
    return events(used, LAST_WEEK, feature="editor") + events(
        abandoned, LAST_WEEK, "feature_abandoned", feature="editor"
    )


def made(voice: int, reports: int) -> list[event_pb2.Event]:
    """Long enough ago to be in no comparison of weeks."""
    return events(voice, 20, "voice_generation") + events(reports, 20, "report_generated")


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (weeks(0, 20), [CHURN]),
        (weeks(0, 19), []),
        (weeks(5, 20), [CHURN]),
        (weeks(6, 20), [DECLINE]),
        (weeks(9, 20), [DECLINE]),
        (weeks(10, 20), []),
        (weeks(40, 20), []),
        (weeks(41, 20), [UPSELL]),
        (weeks(41, 19), []),
        (events(301, BUSY_TIME, "page_view"), [CHURN]),
        (events(300, BUSY_TIME, "page_view"), []),
        (events(301, BUSY_TIME, "page_view") + events(1, 13.0, "page_view"), []),
        (made(10, 10), []),
        (made(20, 1), [UPSELL]),
        (made(0, 50), [UPSELL]),
        (made(50, 1), [POWER, UPSELL]),
        (events(51, 31, "voice_generation"), []),
        (starts(0, 5), []),
        (starts(0, 6), [STUCK, STUCK]),  # altogether, and of the feature
        (events(6, 7.6, "feature_abandoned", feature="editor"), []),
        (starts(10, 10), [STUCK, STUCK]),
        (starts(9, 11), [STUCK, STUCK, ABANDONMENT]),
        (starts(8, 11), [STUCK, STUCK]),
    ],
    ids=str,
)
def test_both_sides_of_every_boundary_for_organisation_user_and_client(
    backend: Caller, asker: Asker, sent: list[event_pb2.Event], found: list[int]
) -> None:
    send(backend, sent)
    answer = generate(asker)
    assert types_of(answer) == (dict.fromkeys(SUBJECTS, found) if found else {})
    assert {one.insight_type: one.count for one in answer.totals} == {
        one: 3 * found.count(one) for one in found
    }
    assert answer.subjects == 3
    for subject in ({"user_id": "mia"}, {"client_id": "phone-7"}):
        alone = generate(asker, **subject)
        assert [one.insight_type for one in alone.insights] == [
            one.insight_type
            for one in answer.insights
            if getattr(one.subject, next(iter(subject))) in subject.values()
        ]
        assert alone.subjects == 1


@pytest.mark.parametrize(
    ("before", "now", "found"), [(0, 4, False), (0, 5, True), (4, 5, True), (5, 5, False)]
)
def test_a_feature_wins_users(
    backend: Caller, asker: Asker, *, before: int, now: int, found: bool
) -> None:
    """Of ten active users in both weeks: ten points are one of them."""
    sent = []
    for days_ago, users in ((WEEK_BEFORE, before), (LAST_WEEK, now)):
        for number in range(10):
            user = f"u{number}"
            sent += events(1, days_ago, "login", user_id=user)
            if number < users:
                sent += events(3, days_ago, "tool_usage", feature="voice", user_id=user)
    send(backend, sent)
    answer = generate(asker)
    adopted = [one for one in answer.insights if one.insight_type == ADOPTION]
    assert [one.subject.feature for one in adopted] == (["voice"] if found else [])
    if found:
        numbers = {one.name: one.value for one in adopted[0].evidence.measurements}
        assert (numbers["adopters"], numbers["adopters_before"]) == (now, before)


def test_too_little_to_say_is_said_of_whom_was_asked_for_alone(
    backend: Caller, asker: Asker
) -> None:
    send(backend, weeks(1, 3))
    for subject, whose in (({}, "org"), ({"user_id": "mia"}, "user_id")):
        told = generate(asker, **subject).insufficient
        assert {one.subject.WhichOneof("of") for one in told} == {whose}
        missing = {one.insight_type: one.missing for one in told}
        assert missing[CHURN] == missing[DECLINE] == "previous_events: 3 of 20"
    unknown = generate(asker, client_id="nobody")
    assert (unknown.insights, unknown.subjects) == ([], 1)
    assert {one.subject.client_id for one in unknown.insufficient} == {"nobody"}


def test_an_insight_says_why_it_is_believed_and_what_to_do(backend: Caller, asker: Asker) -> None:
    send(backend, weeks(4, 40))
    (one,) = generate(asker, user_id="mia").insights
    assert one.recommendation.action == "urgent_outreach"
    assert dict(one.recommendation.parameters) == {"percent_drop": 90}
    numbers = {n.name: (n.value, n.window.start_time.ToDatetime(UTC)) for n in
               one.evidence.measurements}  # fmt: skip
    midnight = NOON.replace(hour=0)
    assert numbers["recent_events"] == (4, midnight - 6 * DAY)
    assert numbers["previous_events"] == (40, midnight - 13 * DAY)
    assert one.evidence.trend[-10:] == [40, 0, 0, 0, 0, 0, 0, 4, 0, 0]
    assert sum(one.evidence.trend) == 44
    assert len(one.evidence.trend) == 28
    assert 0.9 * one.confidence == pytest.approx(one.weight)
    assert one.window.end_time.ToDatetime(UTC) == NOON
    kept = asker.call("GetInsight", pb.GetInsightRequest(insight_id=one.insight_id)).insight
    assert kept == one


def test_days_are_those_of_the_organisations_zone(
    ingest: Ingest, insight: Insight, acme: Organisation, globex: Organisation
) -> None:
    """Late in the evening of the eighth day in Auckland is the seventh day in UTC."""
    acme.set("time_zone", "Pacific/Auckland")
    for organisation, found in ((acme, {"org"}), (globex, set(SUBJECTS))):
        send(ingest.caller(organisation), events(6, 6 + 2 / 24, "feature_abandoned"))
        answer = generate(insight.asker(organisation), NOON + timedelta(hours=2))
        assert types_of(answer).keys() == found


def test_the_organisation_comes_first_then_the_worst(backend: Caller, asker: Asker) -> None:
    send(backend, events(45, WEEK_BEFORE, "page_view", user_id="zoe"))
    send(backend, weeks(9, 20) + made(60, 0))
    answer = generate(asker)
    subjects = [one.subject.WhichOneof("of") == "org" for one in answer.insights]
    assert subjects == sorted(subjects, reverse=True)
    weights = [one.weight for one in answer.insights if not one.subject.org]
    assert weights == sorted(weights, reverse=True)


def test_a_run_for_a_time_gone_by_is_computed_and_not_kept(backend: Caller, asker: Asker) -> None:
    send(backend, weeks(5, 20))
    assert generate(asker).kept
    before = generate(asker, NOON - 5 * DAY)
    assert not before.kept
    assert [(one.insight_id, one.etag) for one in before.insights] == [("", "")] * len(
        before.insights
    )
    assert types_of(before) == {}
    send(backend, weeks(0, 25))
    later = generate(asker, NOON - timedelta(hours=1))
    assert types_of(later) == {subject: [CHURN] for subject in SUBJECTS}
    assert {one.insight_id for one in later.insights} == {""}
    listed = asker.call("ListInsights", pb.ListInsightsRequest()).insights
    assert {one.insight_type for one in listed} == {CHURN}
    assert {one.evidence.rule[:1] for one in listed} == {"5"}
    assert {one.last_seen_at.ToDatetime(UTC) for one in listed} == {NOON}


@pytest.mark.parametrize(
    "as_of", [datetime.now(UTC) + timedelta(minutes=5), datetime(1999, 12, 31, tzinfo=UTC)]
)
def test_a_time_that_cannot_be_looked_at_is_refused(asker: Asker, as_of: datetime) -> None:
    request = pb.GenerateInsightsRequest()
    request.as_of.FromDatetime(as_of)
    told = refused(asker, "GenerateInsights", request)
    assert told.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(told.violations) == {"as_of"}


def test_what_was_acknowledged_before_the_call_is_counted(backend: Caller, asker: Asker) -> None:
    for number in range(1, 7):
        backend.ingest(event("feature_abandoned", client_id="phone-7", occurred_at=at(1)))
        found = generate(asker, None, client_id="phone-7").insights
        assert bool(found) is (number > 5)


def test_a_run_that_cannot_count_everything_says_so(
    acme: Organisation, backend: Caller, asker: Asker
) -> None:
    """A transaction that writes somewhere holds back those who follow the log."""
    with acme.database.connect() as somebody:
        somebody.autocommit = False
        somebody.execute("SELECT pg_current_xact_id()")
        send(backend, events(6, 0, "feature_abandoned"))
        answer = asker.call("GenerateInsights", pb.GenerateInsightsRequest(), timeout=2)
        assert not answer.complete
        assert types_of(answer) == {"org": [STUCK], "mia": [STUCK]}
        somebody.rollback()
    assert types_of(generate(asker, None)) == {subject: [STUCK] for subject in SUBJECTS}


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

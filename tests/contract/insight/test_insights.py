"""Insights, generated from ingested events alone: what is found, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from footfall.events.v1 import event_pb2
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
    made,
    refused,
    send,
    types_of,
    weeks,
    whose,
)
from tests.ingesting import Caller, Ingest, at, event
from tests.insighting import Asker, Insight
from tests.organisations import Organisation

SUBJECTS = ("org", "mia", "phone-7")


@pytest.fixture(autouse=True)
def _folding(folding: None) -> None:
    """All of these depend on features and clients."""


def starts(used: int, abandoned: int) -> list[event_pb2.Event]:
    return events(used, LAST_WEEK, feature="editor") + events(
        abandoned, LAST_WEEK, "feature_abandoned", feature="editor"
    )


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (lambda: weeks(0, 20), [CHURN]),
        (lambda: weeks(0, 19), []),
        (lambda: weeks(5, 20), [CHURN]),
        (lambda: weeks(6, 20), [DECLINE]),
        (lambda: weeks(9, 20), [DECLINE]),
        (lambda: weeks(10, 20), []),
        (lambda: weeks(40, 20), []),
        (lambda: weeks(41, 20), [UPSELL]),
        (lambda: weeks(41, 19), []),
        (lambda: events(301, BUSY_TIME, "page_view"), [CHURN]),
        (lambda: events(300, BUSY_TIME, "page_view"), []),
        (lambda: events(301, BUSY_TIME, "page_view") + events(1, 13.0, "page_view"), []),
        (lambda: made(10, 10), []),
        (lambda: made(20, 1), [UPSELL]),
        (lambda: made(0, 50), [UPSELL]),
        (lambda: made(50, 1), [POWER, UPSELL]),
        (lambda: events(51, 31, "voice_generation"), []),
        (lambda: starts(0, 5), []),
        (lambda: starts(0, 6), [STUCK, STUCK]),  # altogether, and of the feature
        (lambda: events(6, 7.6, "feature_abandoned", feature="editor"), []),
        (lambda: starts(10, 10), [STUCK, STUCK]),
        (lambda: starts(9, 11), [STUCK, STUCK, ABANDONMENT]),
        (lambda: starts(8, 11), [STUCK, STUCK]),
    ],
)
def test_both_sides_of_every_boundary_for_organisation_user_and_client(
    backend: Caller, asker: Asker, sent: Callable[[], list[event_pb2.Event]], found: list[int]
) -> None:
    send(backend, sent())
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
    for subject, kind in (({}, "org"), ({"user_id": "mia"}, "user_id")):
        told = generate(asker, **subject).insufficient
        assert {one.subject.WhichOneof("of") for one in told} == {kind}
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


def test_a_time_that_cannot_be_looked_at_is_refused(asker: Asker) -> None:
    for as_of in (datetime.now(UTC) + timedelta(minutes=5), datetime(1999, 12, 31, tzinfo=UTC)):
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
        answer = asker.call("GenerateInsights", pb.GenerateInsightsRequest(), timeout=10)
        assert not answer.complete
        assert types_of(answer) == {"org": [STUCK], "mia": [STUCK]}
        somebody.rollback()
    assert types_of(generate(asker, None)) == {subject: [STUCK] for subject in SUBJECTS}


def test_what_is_not_counted_yet_does_not_seem_to_have_stopped(
    acme: Organisation, backend: Caller, asker: Asker
) -> None:
    """What depends on it stays as it was, until it can be told."""
    send(backend, events(30, WEEK_BEFORE, "page_view"))
    send(backend, events(6, 7.2, "feature_abandoned", feature="editor"))
    before = types_of(generate(asker, NOON - 6 * DAY))
    assert before == {subject: [STUCK, STUCK] for subject in SUBJECTS}
    with acme.database.connect() as somebody:
        somebody.autocommit = False
        somebody.execute("SELECT pg_current_xact_id()")
        send(backend, events(30, LAST_WEEK, "page_view"))
        request = pb.GenerateInsightsRequest()
        request.as_of.FromDatetime(NOON)
        answer = asker.call("GenerateInsights", request, timeout=10)
        assert not answer.complete
        somebody.rollback()
    standing = {
        (whose(one.subject), one.subject.feature): one.HasField("cleared_at")
        for one in answer.insights
    }
    assert standing == {
        ("org", ""): True,
        ("org", "editor"): True,
        ("mia", ""): True,
        ("mia", "editor"): False,
        ("phone-7", ""): False,
        ("phone-7", "editor"): False,
    }
    told = generate(asker)
    assert {one.insight_type for one in told.insights} == {STUCK}
    assert all(one.HasField("cleared_at") for one in told.insights)


def test_an_answer_holds_the_worst_thousand_and_counts_them_all(
    backend: Caller, asker: Asker
) -> None:
    of_each = {"feature": "editor", "client_id": ""}
    users = [f"u{number}" for number in range(505)]
    send(
        backend,
        [
            one
            for user in users
            for one in events(6, LAST_WEEK, "feature_abandoned", user_id=user, **of_each)
        ],
    )
    for kept in (True, False):
        answer = generate(asker, NOON if kept else NOON - DAY / 24)
        assert answer.kept is kept
        assert len(answer.insights) == 1000
        assert answer.insights[0].subject.org
        totals = {one.insight_type: one.count for one in answer.totals}
        assert totals == {STUCK: 2 * (len(users) + 1), ABANDONMENT: 1}
        assert answer.subjects == len(users) + 1
        assert answer.ByteSize() < 4 * 1024 * 1024

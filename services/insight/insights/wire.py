"""Insights on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.interval_pb2 import Interval

from footfall.insights.v1 import insight_pb2 as pb
from footfall.insights.v1 import insight_requests_pb2 as requests
from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Finding,
    InsightType,
    Shortfall,
    Subject,
    SubjectKind,
    Window,
)
from services.insight.insights.rules.life import (
    STANDING,
    Cursor,
    Decision,
    Generated,
    Insight,
    InsightFilter,
    Page,
    State,
    Wanted,
)
from shared.errors import InvalidField

MESSAGE_BYTES = 3 * 1024 * 1024
"""Clients take 4 MiB unless they say otherwise."""

_MAX_SHORTFALLS = 1_000

DecisionRequest = (
    requests.AcknowledgeInsightRequest
    | requests.ResolveInsightRequest
    | requests.DismissInsightRequest
)


def from_generate_insights(request: requests.GenerateInsightsRequest) -> Wanted:
    """The run that is asked for."""
    subject = ORGANISATION
    if request.user_id:
        subject = Subject(SubjectKind.USER, request.user_id)
    elif request.client_id:
        subject = Subject(SubjectKind.CLIENT, request.client_id)
    as_of = from_timestamp(request.as_of, "as_of") if request.HasField("as_of") else None
    return Wanted(subject, as_of)


def from_list_insights(request: requests.ListInsightsRequest) -> InsightFilter:
    """Which insights are asked for."""
    return InsightFilter(
        states=[State(one) for one in request.states] or STANDING,
        types=[InsightType(one) for one in request.insight_types],
        user_id=request.user_id,
        client_id=request.client_id,
    )


def from_decision(request: DecisionRequest) -> Decision:
    """What somebody says of an insight."""
    return Decision(UUID(request.insight_id), request.etag, request.note)


def from_cursor(position: Sequence[str] | None) -> Cursor | None:
    """The place inside a page token."""
    return Cursor(datetime.fromisoformat(position[0]), UUID(position[1])) if position else None


def from_timestamp(moment: Timestamp, field: str) -> datetime:
    """A point in time that a caller sent."""
    try:
        return moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of(field, "must be a valid time of the years 1 to 9999") from None


def to_generated(generated: Generated) -> requests.GenerateInsightsResponse:
    """What a run answers, as much of it as a client takes."""
    shown, _ = to_fitting(generated.insights)
    return requests.GenerateInsightsResponse(
        insights=shown,
        insufficient=map(_insufficient, generated.shortfalls[:_MAX_SHORTFALLS]),
        totals=[
            pb.TypeCount(insight_type=_type(one), count=count)
            for one, count in generated.totals.items()
        ],
        as_of=_timestamp(generated.as_of),
        kept=generated.kept,
        complete=generated.complete,
        subjects=generated.subjects,
    )


def to_list_insights(
    page: Page,
) -> tuple[requests.ListInsightsResponse, tuple[str, str] | None]:
    """A page, and where the next one goes on, if there is one."""
    shown, all_fit = to_fitting(page.insights)
    response = requests.ListInsightsResponse(insights=shown)
    if all_fit and not page.more:
        return response, None
    last = page.insights[len(shown) - 1]
    return response, (last.last_seen_at.isoformat(), str(last.insight_id))


def to_fitting(insights: Iterable[Insight]) -> tuple[list[pb.Insight], bool]:
    """The first insights as they are shown, as many as a message takes; whether that was all."""
    shown: list[pb.Insight] = []
    room = MESSAGE_BYTES
    for insight in insights:
        one = to_insight(insight)
        room -= one.ByteSize()
        if shown and room < 0:
            return shown, False
        shown.append(one)
    return shown, True


def to_insight(one: Insight) -> pb.Insight:
    """An insight as it is shown."""
    finding = one.finding
    kept = one.insight_id is not None
    return pb.Insight(
        insight_id=str(one.insight_id) if kept else "",
        insight_type=_type(finding.insight_type),
        subject=_subject(finding.subject),
        weight=finding.weight,
        confidence=finding.confidence,
        severity=cast("pb.Severity.ValueType", finding.severity.value),
        recommendation=_recommendation(finding),
        window=_interval(finding.window),
        evidence=_evidence(finding, one.settings_version),
        state=cast("pb.InsightState.ValueType", one.state.value),
        first_seen_at=_timestamp(one.first_seen_at),
        last_seen_at=_timestamp(one.last_seen_at),
        cleared_at=_timestamp(one.cleared_at) if one.cleared_at else None,
        state_changed_at=_timestamp(one.state_changed_at),
        state_changed_by=one.state_changed_by,
        note=one.note,
        reopened=one.reopened,
        etag=one.etag if kept else "",
    )


def _recommendation(finding: Finding) -> pb.Recommendation:
    said = pb.Recommendation(action=finding.action, message=finding.message)
    said.parameters.update(finding.parameters)
    return said


def _evidence(finding: Finding, settings_version: int) -> pb.Evidence:
    return pb.Evidence(
        rule=finding.rule,
        test=finding.test,
        measurements=[
            pb.Measurement(name=one.name, value=one.value, window=_interval(one.window))
            for one in finding.measurements
        ],
        would_change=finding.would_change,
        settings_version=settings_version,
        trend=finding.trend,
    )


def _insufficient(one: Shortfall) -> pb.Insufficient:
    return pb.Insufficient(
        insight_type=_type(one.insight_type), subject=_subject(one.subject), missing=one.missing
    )


def _subject(subject: Subject) -> pb.Subject:
    match subject.kind:
        case SubjectKind.ORGANISATION:
            return pb.Subject(org=True, feature=subject.feature)
        case SubjectKind.USER:
            return pb.Subject(user_id=subject.id, feature=subject.feature)
        case SubjectKind.CLIENT:
            return pb.Subject(client_id=subject.id, feature=subject.feature)


def _type(one: InsightType) -> pb.InsightType.ValueType:
    return cast("pb.InsightType.ValueType", one.value)


def _interval(window: Window) -> Interval:
    return Interval(start_time=_timestamp(window.start), end_time=_timestamp(window.end))


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp

"""Behaviour for the detectors to find: events of days gone by, and runs as of a time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from footfall.events.v1 import event_pb2
from footfall.insights.v1 import insight_pb2
from footfall.insights.v1 import insight_requests_pb2 as pb
from tests.ingesting import Caller, Refused, event, refusal
from tests.insighting import Asker

DAY = timedelta(days=1)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - 2 * DAY
"""Of a day that is over: whatever the clock says, the same events lie in the same windows."""

EVERYBODY = {"user_id": "mia", "client_id": "phone-7"}
"""Counts for the organisation, a user and a client alike."""

CHURN, DECLINE, POWER, UPSELL, STUCK, ADOPTION, ABANDONMENT = range(1, 8)
LAST_WEEK, WEEK_BEFORE, BUSY_TIME = 2.0, 9.0, 30.0

_PATIENCE_SECONDS = 30.0


def events(
    count: int, days_ago: float, kind: str = "feature_used", **fields: Any
) -> list[event_pb2.Event]:
    """So many of that time before NOON; of everybody unless the fields say of whom."""
    moment = NOON - timedelta(days=days_ago)
    fields = {**EVERYBODY, **fields}
    return [event(kind, occurred_at=moment, **fields) for _ in range(count)]


def send(caller: Caller, sent: Iterable[event_pb2.Event]) -> None:
    """Ingest them, in batches; all are new."""
    coming = iter(sent)
    while batch := list(itertools.islice(coming, 1000)):
        assert set(caller.verdicts(*batch)) == {"ACCEPTED"}


def weeks(recent: int, previous: int) -> list[event_pb2.Event]:
    return events(recent, LAST_WEEK, "page_view") + events(previous, WEEK_BEFORE, "page_view")


def made(voice: int, reports: int) -> list[event_pb2.Event]:
    """Long enough ago to be in no comparison of weeks."""
    return events(voice, 20, "voice_generation") + events(reports, 20, "report_generated")


def generate(asker: Asker, as_of: datetime | None = NOON, /, **subject: Any) -> Any:
    """What a run answers that counted every event; on a busy machine it may take another."""
    request = pb.GenerateInsightsRequest(**subject)
    if as_of is not None:
        request.as_of.FromDatetime(as_of)
    until = time.monotonic() + _PATIENCE_SECONDS
    while not (answer := asker.call("GenerateInsights", request)).complete:
        assert time.monotonic() < until
    return answer


def whose(subject: insight_pb2.Subject) -> str:
    """`org`, or the id of the user or client."""
    kind = subject.WhichOneof("of")
    return "org" if kind == "org" else str(getattr(subject, kind or ""))


def types_of(answer: Any) -> dict[str, list[int]]:
    """The types that were found, by subject."""
    found: dict[str, list[int]] = {}
    for one in answer.insights:
        found.setdefault(whose(one.subject), []).append(one.insight_type)
    return {subject: sorted(types) for subject, types in found.items()}


def one_of(answer: Any, insight_type: int, subject: str = "org", feature: str = "") -> Any:
    """The one insight of that type about a subject."""
    (found,) = [
        one
        for one in answer.insights
        if one.insight_type == insight_type
        and whose(one.subject) == subject
        and one.subject.feature == feature
    ]
    return found


def refused(asker: Asker, method: str, request: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        asker.call(method, request)
    return refusal(failed.value)

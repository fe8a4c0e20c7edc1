"""What is shown: stored events, results and pages; and what lists are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.interval_pb2 import Interval
from google.type.money_pb2 import Money

from footfall.events.v1 import event_pb2
from footfall.events.v1.event_ingest_pb2 import (
    EventResult,
    ListEventsRequest,
    ListEventsResponse,
    StoredEvent,
    StreamEventsResponse,
)
from footfall.events.v1.event_ingest_pb2 import Verdict as WireVerdict
from services.event_ingest.events.rules import (
    Cursor,
    EventQuery,
    Organisation,
    Page,
    Result,
    Verdict,
    explanation,
)
from shared.errors import InvalidField

_MICROS = 1_000_000
_NANOS = 1_000_000_000
_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise
_DETAILS = ("model_request", "revenue", "touchpoint", "operation", "automation")


def from_stored(row: Mapping[Any, Any], organisation: Organisation) -> event_pb2.Event:
    """The event as it is shown: what the store holds, with ids, times and defaults filled in."""
    data: dict[str, Any] = row["data"] or {}
    event = event_pb2.Event(
        event_id=str(row["event_id"]),
        type=organisation.type_names.get(row["type_id"], ""),
        occurred_at=row["occurred_at"],
        user_id=row["user_id"] or "",
        session_id=row["session_id"] or "",
        client_id=row["client_id"] or "",
        feature=row["feature"] or "",
        section=data.get("section", ""),
        impact=row["impact"],
        competency_area=data.get("competency_area", ""),
        context=data.get("context"),
        retention_days=row["retention_days"] or 0,
        anonymized=data.get("anonymized", False),
    )
    if row["cost_nanos"] is not None:
        event.cost.CopyFrom(_money(row["cost_nanos"], _NANOS, organisation.currency))
    if "properties" in data:
        event.properties_json = orjson.dumps(data["properties"]).decode()
    for name in _DETAILS:
        if name in data:
            getattr(event, name).CopyFrom(type(getattr(event, name))(**data[name]))
            getattr(event, name).SetInParent()
    if row["amount_micros"] is not None:
        event.revenue.amount.CopyFrom(_money(row["amount_micros"], _MICROS, row["currency"] or ""))
    return event


def to_stored_event(row: Mapping[Any, Any], organisation: Organisation) -> StoredEvent:
    """A row of the store as it is listed."""
    return StoredEvent(event=from_stored(row, organisation), received_at=row["received_at"])


def to_fitting_events(
    rows: Iterable[Mapping[Any, Any]], organisation: Organisation
) -> tuple[list[StoredEvent], bool]:
    """The first rows as they are listed, as many as one message can take; whether that was all."""
    shown: list[StoredEvent] = []
    size = 0
    for row in rows:
        one = to_stored_event(row, organisation)
        size += one.ByteSize()
        if shown and size > _MESSAGE_BYTES:
            return shown, False
        shown.append(one)
    return shown, True


def to_event_result(result: Result) -> EventResult:
    """What became of one event, for a batch's answer."""
    if result.error is None:
        return EventResult(event_id=result.event_id, verdict=to_verdict(result.verdict))
    return EventResult(
        event_id=result.event_id,
        verdict=to_verdict(result.verdict),
        reason=result.error.reason,
        message=explanation(result.error),
    )


def to_verdict(verdict: Verdict) -> WireVerdict.ValueType:
    """The verdict as the contract numbers it."""
    return cast("WireVerdict.ValueType", verdict.value)


def from_list_events(request: ListEventsRequest) -> EventQuery:
    """What is asked for."""
    since, until = from_interval(request.interval)
    return EventQuery(request.user_id, tuple(request.types), since, until)


def from_cursor(position: Sequence[str] | None) -> Cursor | None:
    """The place inside a page token."""
    return (datetime.fromisoformat(position[0]), UUID(position[1])) if position else None


def to_list_events(page: Page) -> tuple[ListEventsResponse, tuple[str, str] | None]:
    """A page, and where the next one goes on, if there is one."""
    shown, all_fit = to_fitting_events(page.rows, page.organisation)
    response = ListEventsResponse(events=shown)
    if not page.more and all_fit:
        return response, None
    last = page.rows[len(shown) - 1]
    return response, (last["occurred_at"].isoformat(), str(last["event_id"]))


def to_batch_answer(number: int, results: Sequence[Result]) -> StreamEventsResponse:
    """The acknowledgement of one batch of a stream."""
    return StreamEventsResponse(batch_number=number, results=map(to_event_result, results))


def from_interval(interval: Interval) -> tuple[datetime | None, datetime | None]:
    """The bounds of a half-open interval; None where it has none."""
    return (
        from_timestamp(interval.start_time, "interval.start_time")
        if interval.HasField("start_time")
        else None,
        from_timestamp(interval.end_time, "interval.end_time")
        if interval.HasField("end_time")
        else None,
    )


def from_timestamp(moment: Timestamp, field: str) -> datetime:
    """A point in time that a caller sent."""
    try:
        return moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of(field, "must be a valid time of the years 1 to 9999") from None


def _money(amount: int, per_unit: int, currency: str) -> Money:
    units, rest = divmod(amount, per_unit)
    return Money(currency_code=currency, units=units, nanos=rest * (_NANOS // per_unit))

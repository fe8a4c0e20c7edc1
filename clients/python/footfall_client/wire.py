"""Python values to an `Event`. Whatever cannot be written faithfully is refused, never bent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from footfall.events.v1.event_pb2 import (
    IMPACT_HIGH,
    IMPACT_LOW,
    IMPACT_MEDIUM,
    Automation,
    Event,
    EventContext,
    Impact,
    ModelRequest,
    Operation,
    Revenue,
    Touchpoint,
)
from footfall_client.ids import new_event_id
from footfall_client.options import ImpactName

Detail = ModelRequest | Revenue | Touchpoint | Operation | Automation
Amount = Decimal | int | str
"""An exact number. A float is refused: it is not the amount that was meant."""


class EventFields(TypedDict, total=False):
    """What every `track…` takes beside its own arguments; the meaning is that of the proto."""

    user_id: str
    session_id: str
    client_id: str
    feature: str
    section: str
    impact: ImpactName | Impact.ValueType
    competency_area: str
    cost: Amount | Money
    context: EventContext | Mapping[str, str | int]
    properties: Mapping[str, object]
    occurred_at: datetime
    event_id: str | UUID
    retention_days: int
    anonymized: bool


IMPACTS: Mapping[ImpactName, Impact.ValueType] = {
    "low": IMPACT_LOW,
    "medium": IMPACT_MEDIUM,
    "high": IMPACT_HIGH,
}
_PLAIN = frozenset(
    (
        *("user_id", "session_id", "client_id", "feature", "section", "competency_area"),
        *("retention_days", "anonymized"),
    )
)
_NANOS = 1_000_000_000
_encode = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), check_circular=True
).encode


def fill(event: Event, name: str, fields: EventFields, detail: Detail | None, now_ns: int) -> None:
    """Write it all into the event. Raises TypeError or ValueError and leaves what was written."""
    event.type = name
    occurred_ns = _set_time(event, fields.get("occurred_at"), now_ns)
    event.event_id = str(fields.get("event_id") or new_event_id(occurred_ns))
    for field, value in fields.items():
        if field in _PLAIN and value is not None:
            setattr(event, field, value)
    _set_values(event, fields)
    if detail is not None:
        _set_detail(event, detail)


def _set_values(event: Event, fields: EventFields) -> None:
    if (impact := fields.get("impact")) is not None:
        event.impact = to_impact(impact)
    if (cost := fields.get("cost")) is not None:
        event.cost.CopyFrom(cost if isinstance(cost, Money) else to_money(cost))
    if (context := fields.get("context")) is not None:
        event.context.CopyFrom(to_context(context))
    if (properties := fields.get("properties")) is not None:
        event.properties_json = to_json(properties)


def to_impact(impact: ImpactName | Impact.ValueType) -> Impact.ValueType:
    """The impact by its name or number."""
    if not isinstance(impact, str):
        return impact
    try:
        return IMPACTS[impact]
    except KeyError:
        raise ValueError(f"impact: {impact!r} is none of low, medium, high") from None


def to_context(context: EventContext | Mapping[str, str | int]) -> EventContext:
    """The circumstances; an unknown name is a ValueError."""
    if isinstance(context, EventContext):
        return context
    return EventContext(**dict(context))  # type: ignore[arg-type] # protobuf checks name and type


def to_json(properties: Mapping[str, object]) -> str:
    """The text of a JSON object. NaN, infinities and what JSON has no word for are refused."""
    if not isinstance(properties, Mapping):
        raise TypeError("properties: not a mapping")
    try:
        return _encode(dict(properties))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"properties: {error}") from None


def to_money(amount: Amount, currency: str = "") -> Money:
    """An exact amount; no currency means the organisation's."""
    if isinstance(amount, float | bool):
        raise TypeError("amount: a float is not exact; use Decimal, int or str")
    try:
        nanos = Decimal(amount).scaleb(9)
        whole = int(nanos)
    except ArithmeticError:
        raise ValueError(f"amount: {amount!r} is no number") from None
    if whole != nanos:
        raise ValueError("amount: more than nine decimals")
    sign = -1 if whole < 0 else 1
    units, rest = divmod(abs(whole), _NANOS)
    return Money(currency_code=currency, units=sign * units, nanos=sign * rest)


def framed(payloads: Sequence[bytes]) -> bytes:
    """An IngestEventsRequest of events that are bytes already: `repeated Event events = 1`."""
    pieces: list[bytes] = []
    for payload in payloads:
        pieces.append(_tag(len(payload)))
        pieces.append(payload)
    return b"".join(pieces)


def _tag(length: int) -> bytes:
    tag = bytearray(b"\x0a")
    while length >= 0x80:  # noqa: PLR2004 - seven bits a byte
        tag.append(length & 0x7F | 0x80)
        length >>= 7
    tag.append(length)
    return bytes(tag)


def _set_time(event: Event, occurred_at: datetime | None, now_ns: int) -> int:
    if occurred_at is None:
        # Kept to the microsecond by the server: more would only make a retry look different.
        seconds, rest = divmod(now_ns, _NANOS)
        event.occurred_at.seconds, event.occurred_at.nanos = seconds, rest // 1000 * 1000
        return now_ns
    if occurred_at.tzinfo is None:
        raise ValueError("occurred_at: has no time zone")
    stamp = Timestamp()
    stamp.FromDatetime(occurred_at)
    event.occurred_at.CopyFrom(stamp)
    return stamp.ToNanoseconds()


def _set_detail(event: Event, detail: Detail) -> None:
    match detail:
        case ModelRequest():
            event.model_request.CopyFrom(detail)
        case Revenue():
            event.revenue.CopyFrom(detail)
        case Touchpoint():
            event.touchpoint.CopyFrom(detail)
        case Operation():
            event.operation.CopyFrom(detail)
        case Automation():
            event.automation.CopyFrom(detail)
        case _:
            raise TypeError("detail: none of the typed details")

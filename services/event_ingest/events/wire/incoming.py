"""Events on their way in: messages become what is stored, or the reason why not."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from struct import Struct
from typing import Any

import orjson
from google.protobuf import struct_pb2
from google.protobuf.message import Message
from google.type.money_pb2 import Money

from footfall.events.v1 import event_pb2
from footfall.events.v1.event_ingest_pb2 import (
    IngestEventRequest,
    IngestEventsRequest,
    StreamEventsRequest,
)
from services.event_ingest.event_types.rules import EventTypeRule, TypeId
from services.event_ingest.events import rules
from services.event_ingest.events.errors import InvalidEvent, InvalidProperties
from services.event_ingest.events.rules import (
    NewEvent,
    Organisation,
    refuse,
)
from shared import ids
from shared.errors import Violation
from shared.identity.identity import Identity, Role
from shared.rpc.validation import Rules

_MICROS = 1_000_000
_NANOS = 1_000_000_000
_MIN_SECONDS = -62_135_596_800  # the first second of the year 1
_MAX_SECONDS = 253_402_300_799  # the last second of the year 9999
_MAX_POINTS = 1_000_000
_NAME, _TEXT, _LONGEST_DAYS = 64, 128, 36_500  # as the proto says
_SURELY_SHORT = 65_536 // 4  # a character takes at most four bytes
_IS_UUID = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_HASH = Struct(">q").unpack
_EXACT = 2.0**53  # beyond it a double is no exact integer
_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise
Batch = IngestEventsRequest | StreamEventsRequest

_DETAILS = ("model_request", "revenue", "touchpoint", "operation", "automation")


@dataclass(slots=True)
class Sent:
    """An event as a message: rules.Arrival."""

    event: event_pb2.Event
    received_us: int
    writes_as: str | None
    violations: Sequence[Violation] = ()
    """Which rules of the proto it breaks."""

    @property
    def event_id(self) -> str:
        """As sent; may be empty or malformed."""
        return self.event.event_id

    @property
    def user_id(self) -> str:
        """As sent."""
        return self.event.user_id

    @property
    def raw(self) -> bytes:
        """The bytes of the message."""
        return self.event.SerializeToString()

    def admit(self, organisation: Organisation) -> NewEvent:
        """What is to be stored. Raises InvalidEvent, or the subclass that says why not."""
        if self.violations:
            raise InvalidEvent(violations=self.violations)
        return to_new_event(self.event, organisation, self.received_us, self.writes_as)


def from_request(request: IngestEventRequest, checks: Rules, caller: Identity) -> Sent:
    """The event of a request."""
    violations = checks.violations(request.event)
    return Sent(request.event, _now_us(), _writes_as(caller), violations)


def from_batch(request: Batch, checks: Rules, caller: Identity) -> list[Sent]:
    """The events of a batch, checked against the rules of the proto in one call if need be."""
    plain = all(map(_is_plain, request.events))
    broken = {} if plain else checks.by_item(request, "events")
    now_us, writes_as = _now_us(), _writes_as(caller)
    if not broken:
        return [Sent(event, now_us, writes_as) for event in request.events]
    return [
        Sent(event, now_us, writes_as, broken.get(index, ()))
        for index, event in enumerate(request.events)
    ]


def from_kept(kept: Sequence[tuple[bytes, datetime, str | None]], checks: Rules) -> list[Sent]:
    """Events that were refused before: bytes, time of receipt, and the user, if there is one.

    For what a member sent that user is the member, for all else the event's own: either way the
    event may be no other's.
    """
    request = IngestEventsRequest(events=[event_pb2.Event.FromString(raw) for raw, _, _ in kept])
    broken = checks.by_item(request, "events")
    return [
        Sent(event, round(received_at.timestamp() * _MICROS), user_id, broken.get(index, ()))
        for index, (event, (_, received_at, user_id)) in enumerate(
            zip(request.events, kept, strict=True)
        )
    ]


def _is_plain(event: event_pb2.Event) -> bool:
    """Whether an event breaks no rule of the proto for certain, at a fifth of the validator's cost.

    Of the others, and of all with a context or a detail, the validator tells.
    """
    return (
        0 < len(event.type) <= _NAME
        and len(event.user_id) <= _TEXT
        and len(event.session_id) <= _TEXT
        and len(event.client_id) <= _TEXT
        and len(event.feature) <= _TEXT
        and len(event.section) <= _TEXT
        and len(event.competency_area) <= _NAME
        and len(event.properties_json) <= _SURELY_SHORT
        and 0 <= event.retention_days <= _LONGEST_DAYS
        and (not (event_id := event.event_id) or _IS_UUID(event_id) is not None)
        and not event.HasField("context")
        and event.WhichOneof("detail") is None
    )


def _now_us() -> int:
    return time.time_ns() // 1000


def _writes_as(caller: Identity) -> str | None:
    return caller.subject if caller.role is Role.MEMBER else None


def to_new_event(
    event: event_pb2.Event, organisation: Organisation, received_us: int, writes_as: str | None
) -> NewEvent:
    """Admit an event that satisfies the proto's own rules; `writes_as` is the member who sends it.

    Raises InvalidEvent, or the subclass that says why the event is refused.
    """
    event_id, content = _identity(event, received_us, writes_as)
    if b"\0" in content:
        _refuse_nul(event)
    (content_hash,) = _HASH(blake2b(content, digest_size=8).digest())
    rule = rules.known_type(event.type, organisation, received_us)
    place_us, occurred_us = _times(event, event_id, organisation, received_us)
    amount, currency = _revenue(event)
    data, points = _data(event, organisation, rule)
    return NewEvent(
        event_id,
        place_us,
        occurred_us,
        received_us,
        content_hash,
        rule.type_id,
        _impact(event, rule),
        event.retention_days or None,
        points,
        _cost(event, organisation),
        amount,
        currency,
        _user(event, writes_as),
        event.session_id or None,
        event.client_id or None,
        event.feature or None,
        data,
    )


def _identity(
    event: event_pb2.Event, received_us: int, writes_as: str | None
) -> tuple[bytes, bytes]:
    """The id, and the canonical bytes of what the client sent beside it.

    Times that the server fills in come after this, so that a retry without `occurred_at` is the
    same content, and one with another time is not. The member who sends it is part of what it says.
    """
    text = event.event_id
    if text and text != (lower := text.lower()):
        event.event_id = lower
    event_id = bytes.fromhex(text.replace("-", "")) if text else ids.uuid7(received_us // 1000)
    if not writes_as or event.user_id:
        return event_id, event.SerializeToString(deterministic=True)
    event.user_id = writes_as
    content = event.SerializeToString(deterministic=True)
    event.user_id = ""  # what is refused is kept as it was sent
    return event_id, content


def _times(
    event: event_pb2.Event, event_id: bytes, organisation: Organisation, received_us: int
) -> tuple[int, int]:
    """The place of the id, and when the event happened."""
    oldest_us, latest_us = organisation.oldest_us(received_us), received_us + rules.FUTURE_US
    in_id = ids.id_time_ms(event_id)
    place_us = (ids.TIMELESS_MS if in_id is None else in_id) * 1000
    if in_id is not None and not oldest_us <= place_us <= latest_us:
        rules.check_time(place_us, "event_id", organisation, received_us)
    if not event.HasField("occurred_at"):
        return place_us, received_us if in_id is None else place_us
    moment = event.occurred_at
    seconds, nanos = moment.seconds, moment.nanos
    if not (0 <= nanos < _NANOS and _MIN_SECONDS <= seconds <= _MAX_SECONDS):
        raise refuse(InvalidEvent, "occurred_at", "must be a valid time of the years 1 to 9999")
    occurred_us = seconds * _MICROS + nanos // 1000
    if not oldest_us <= occurred_us <= latest_us:
        rules.check_time(occurred_us, "occurred_at", organisation, received_us)
    return place_us, occurred_us


def _impact(event: event_pb2.Event, rule: EventTypeRule) -> int:
    impact = event.impact
    if impact not in (0, 1, 2, 3):
        raise refuse(InvalidEvent, "impact", "must be one of IMPACT_LOW, _MEDIUM and _HIGH")
    return impact or rule.impact


def _user(event: event_pb2.Event, writes_as: str | None) -> str | None:
    if writes_as is None or event.user_id == writes_as:
        return event.user_id or None
    if event.user_id:
        raise refuse(InvalidEvent, "user_id", "a member writes as itself; leave it empty")
    return writes_as


def _cost(event: event_pb2.Event, organisation: Organisation) -> int | None:
    if not event.HasField("cost"):
        return None
    nanos = event.cost.units * _NANOS + _checked_nanos(event.cost, "cost")
    rules.check_cost(event.cost.currency_code, nanos, organisation)
    return nanos


def _revenue(event: event_pb2.Event) -> tuple[int | None, str | None]:
    if not (event.HasField("revenue") and event.revenue.HasField("amount")):
        return None, None
    amount = event.revenue.amount
    nanos = _checked_nanos(amount, "revenue.amount")
    if nanos % 1000:
        raise refuse(InvalidEvent, "revenue.amount.nanos", "at most six decimals")
    if len(amount.currency_code) != 3 or not amount.currency_code.isupper():  # noqa: PLR2004
        raise refuse(InvalidEvent, "revenue.amount.currency_code", "must be an ISO 4217 code")
    micros = amount.units * _MICROS + nanos // 1000
    if not 0 <= micros <= rules.MAX_MICROS:
        raise refuse(InvalidEvent, "revenue.amount", "must lie between 0 and 9,223,372,036,854")
    return micros, amount.currency_code


def _checked_nanos(money: Money, field: str) -> int:
    if not 0 <= money.nanos < _NANOS or money.units < 0:
        raise refuse(InvalidEvent, field, "must not be negative, with nanos from 0 to 999,999,999")
    return money.nanos


def _data(
    event: event_pb2.Event, organisation: Organisation, rule: EventTypeRule
) -> tuple[bytes | None, int | None]:
    """The JSON of what has no column, and the competency points among the properties."""
    parts: list[str] = []
    points = None
    if event.section:
        parts.append(f'"section":{_dumps(event.section)}')
    if event.competency_area:
        parts.append(f'"competency_area":{_dumps(event.competency_area)}')
    if event.anonymized:
        parts.append('"anonymized":true')
    if event.HasField("context") and (context := _context(event.context, organisation)):
        parts.append(f'"context":{context}')
    if properties := _properties(event, rule):
        text, value = properties
        parts.append(f'"properties":{text}')
        if rule.type_id == TypeId.COMPETENCY_MILESTONE:
            points = _points(value)
    elif rule.violations is not None:
        rules.check_properties({}, rule, walk=False)
    if (kind := event.WhichOneof("detail")) is not None:
        parts.append(f'"{kind}":{_dumps(_fields(getattr(event, kind)))}')
    return (f"{{{','.join(parts)}}}".encode() if parts else None), points


def _properties(event: event_pb2.Event, rule: EventTypeRule) -> tuple[str, dict[str, Any]] | None:
    form = event.WhichOneof("free_form")
    if form is None:
        return None
    if form == "properties_json":
        sent = event.properties_json
        return sent, rules.parse_properties(sent, rule)
    try:
        value = _from_struct(event.properties)
        text = _dumps(value)
    except (ValueError, TypeError, RecursionError, orjson.JSONEncodeError):
        raise refuse(
            InvalidProperties, "properties", "may hold finite numbers and 20 levels only"
        ) from None
    if len(text) > rules.MAX_PROPERTIES_BYTES:
        raise refuse(InvalidProperties, "properties", "may take at most 65,536 bytes as JSON")
    return text, rules.check_properties(value, rule)


def _from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {name: _from_value(value) for name, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Any:
    """As JSON has it, whole numbers without a fraction; ValueError for what JSON cannot say."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            if not math.isfinite(number):
                raise ValueError(number)
            return int(number) if number.is_integer() and abs(number) < _EXACT else number
        case "struct_value":
            return _from_struct(value.struct_value)
        case "list_value":
            return [_from_value(one) for one in value.list_value.values]
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _points(properties: Mapping[str, Any]) -> int | None:
    points = properties.get("competency_points")
    if isinstance(points, bool) or not isinstance(points, int | float):
        return None
    return int(points) if 0 <= points <= _MAX_POINTS else None


def _context(context: event_pb2.EventContext, organisation: Organisation) -> str | None:
    fields = {field.name: value for field, value in context.ListFields()}
    if not organisation.keep_ip:
        fields.pop("ip", None)
    return _dumps(fields) if fields else None


def _fields(message: Message) -> dict[str, Any]:
    """The fields that are set, by their names; the amount of a Revenue has its columns."""
    revenue = isinstance(message, event_pb2.Revenue)
    return {
        field.name: _fields(value) if isinstance(value, Message) else value
        for field, value in message.ListFields()
        if not (revenue and field.name == "amount")
    }


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()


def _refuse_nul(event: event_pb2.Event) -> None:
    """Name the text that holds U+0000, which Postgres cannot keep; zero bytes of numbers may be."""
    found = _nul_in(event, "")
    if found is not None:
        raise refuse(InvalidEvent, found, "may not hold the character U+0000")


def _nul_in(message: Message, path: str) -> str | None:
    for field, value in message.ListFields():
        if field.name == "properties":
            continue
        if isinstance(value, str) and "\0" in value:
            return path + field.name
        if isinstance(value, Message) and (found := _nul_in(value, f"{path}{field.name}.")):
            return found
    return None

"""Events on their way in: messages become what is stored, or the reason why not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson
from google.protobuf import struct_pb2

from footfall.journey.v1 import journey_pb2
from services.journey.journeys.errors import InvalidEvent, InvalidMetadata
from services.journey.journeys.rules import events
from services.journey.journeys.rules.events import Arrival, NewEvent, refuse
from services.journey.journeys.rules.vocabulary import Happening, Micros, Source, Stage
from services.journey.journeys.wire.moments import from_timestamp
from shared import ids
from shared.errors import InvalidField

MAX_EVENTS = 1_000
MAX_METADATA_BYTES = 16_384
MAX_DEPTH = 20

_MAX_CLIENT_ID = 128
_EXACT = 2.0**53  # beyond it a double is no exact integer
_IS_UUID = re.compile("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}").fullmatch
_IS_TYPE = re.compile(r"[a-z0-9_.\-]{1,64}").fullmatch


def from_event(event: journey_pb2.JourneyEvent, received_at: Micros) -> Arrival:
    """The event of a request."""
    return _arrival(event, "event", received_at, received_at)


def from_batch(
    batch: Sequence[journey_pb2.JourneyEvent], received_at: Micros
) -> tuple[list[Arrival], Micros]:
    """The events of a batch, and the time with which all of those without one have occurred.

    They occurred one after the other, in the order of the batch. Raises InvalidField.
    """
    if len(batch) > MAX_EVENTS:
        raise InvalidField.of("events", f"may hold at most {MAX_EVENTS:,} of them; none is stored")
    arrivals = [
        _arrival(event, f"events[{index}]", received_at, received_at + index)
        for index, event in enumerate(batch)
    ]
    return arrivals, received_at + max(0, len(batch) - 1)


def _arrival(
    event: journey_pb2.JourneyEvent, place: str, received_at: Micros, occurred_at: Micros
) -> Arrival:
    try:
        new = _new_event(event, place, received_at, occurred_at)
    except InvalidEvent as error:
        return Arrival(event.event_id, place, None, error)
    return Arrival(str(new.happening.event_id), place, new)


def _new_event(
    event: journey_pb2.JourneyEvent, place: str, received_at: Micros, occurred_at: Micros
) -> NewEvent:
    """Raises InvalidEvent, or the subclass that says why the event is refused."""
    event_id = _event_id(event, place, received_at)
    _check_client(event.client_id, f"{place}.client_id")
    if not _IS_TYPE(event.event_type):
        told = "must be 1 to 64 lower-case letters, digits, '_', '-' and '.'"
        raise refuse(InvalidEvent, f"{place}.event_type", told)
    metadata = _metadata(event.metadata, f"{place}.metadata")
    stage = _stage(event, metadata, f"{place}.stage")
    told_at = None
    if event.HasField("occurred_at"):
        told_at = occurred_at = _occurred_at(event, received_at, f"{place}.occurred_at")
    happening = Happening(event_id, occurred_at, event.event_type, stage, metadata)
    content_hash = _content_hash(event.client_id, told_at, happening)
    return NewEvent(event.client_id, happening, received_at, Source.TRACKED, content_hash)


def _content_hash(client_id: str, told_at: Micros | None, happening: Happening) -> bytes:
    """Of what counts of what was sent: a retry says the same, be it in other words."""
    said = (client_id, told_at, happening.event_type, happening.stage, happening.metadata)
    return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _event_id(event: journey_pb2.JourneyEvent, place: str, received_at: Micros) -> UUID:
    """The id; the server's, where there is none."""
    text = event.event_id
    if not text:
        return UUID(bytes=ids.uuid7(received_at // 1000))
    if not _IS_UUID(text):
        told = "must be a UUID such as 0198b5a2-7c1e-7e3a-9d65-0123456789ab, or empty"
        raise refuse(InvalidEvent, f"{place}.event_id", told)
    return UUID(text)


def _check_client(client_id: str, field: str) -> None:
    if not 0 < len(client_id) <= _MAX_CLIENT_ID:
        raise refuse(InvalidEvent, field, "must have 1 to 128 characters")
    if "\0" in client_id:
        raise refuse(InvalidEvent, field, "may not hold the character U+0000")


def _stage(event: journey_pb2.JourneyEvent, metadata: dict[str, Any], field: str) -> Stage | None:
    if event.stage:
        if event.stage in journey_pb2.Stage.values():
            return Stage(event.stage)
        raise refuse(InvalidEvent, field, "must be one of STAGE_LEAD to STAGE_CHURN_RISK")
    if events.means_something(event.event_type, metadata):
        return None
    told = "is needed: only these event types go without, and events with metadata.sentiment: "
    raise refuse(InvalidEvent, field, told + ", ".join(sorted(events.WITH_MEANING)))


def _occurred_at(event: journey_pb2.JourneyEvent, received_at: Micros, field: str) -> Micros:
    at = from_timestamp(event.occurred_at)
    if at is None:
        raise refuse(InvalidEvent, field, "must be a valid time of the years 1 to 9999")
    events.check_time(at, received_at, field)
    return at


def _metadata(sent: struct_pb2.Struct, field: str) -> dict[str, Any]:
    """As JSON has it, whole numbers without a fraction."""
    try:
        value = _from_struct(sent, MAX_DEPTH)
    except _UnkeepableError as error:
        raise refuse(InvalidMetadata, field, str(error)) from None
    if len(orjson.dumps(value)) > MAX_METADATA_BYTES:
        told = f"may take at most {MAX_METADATA_BYTES:,} bytes as JSON"
        raise refuse(InvalidMetadata, field, told)
    return value


class _UnkeepableError(Exception):
    """What JSON or Postgres cannot keep."""


def _from_struct(sent: struct_pb2.Struct, depth: int) -> dict[str, Any]:
    return {_text(name): _from_value(value, depth - 1) for name, value in sent.fields.items()}


def _from_value(value: struct_pb2.Value, depth: int) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            return _number(value.number_value)
        case "string_value":
            return _text(value.string_value)
        case "bool_value":
            return value.bool_value
        case "struct_value" | "list_value" if not depth:
            raise _UnkeepableError(f"may be nested at most {MAX_DEPTH} levels deep")
        case "struct_value":
            return _from_struct(value.struct_value, depth)
        case "list_value":
            return [_from_value(one, depth - 1) for one in value.list_value.values]
        case _:
            return None


def _number(number: float) -> float:
    if not math.isfinite(number):
        raise _UnkeepableError("may hold finite numbers only")
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _text(text: str) -> str:
    if "\0" in text:
        raise _UnkeepableError("may not hold the character U+0000")
    return text

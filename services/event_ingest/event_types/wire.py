"""Event types between the wire and values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.events.v1 import event_pb2
from footfall.events.v1 import event_types_pb2 as pb
from services.event_ingest.event_types.errors import SetByTheServer
from services.event_ingest.event_types.rules import (
    Change,
    Definition,
    Deprecation,
    EventType,
    Impact,
)
from shared.errors import InvalidField

_SET_BY_THE_SERVER = ("built_in", "state", "refuse_from", "etag")


def to_event_type(one: EventType) -> pb.EventType:
    """A type as it is shown."""
    shown = pb.EventType(
        name=one.name,
        description=one.description,
        properties_schema=one.properties_schema,
        default_impact=cast("event_pb2.Impact.ValueType", one.default_impact),
        retention_days=one.retention_days or 0,
        built_in=one.built_in,
        state=pb.EVENT_TYPE_STATE_DEPRECATED if one.deprecated else pb.EVENT_TYPE_STATE_ACTIVE,
        etag=one.etag,
    )
    if one.refuse_from is not None:
        shown.refuse_from.FromDatetime(one.refuse_from)
    return shown


def from_new(sent: pb.EventType) -> Definition:
    """A type to register. What the server sets must be empty."""
    present = {field.name for field, _ in sent.ListFields()}
    if not present.isdisjoint(_SET_BY_THE_SERVER):
        raise SetByTheServer.among(name for name in _SET_BY_THE_SERVER if name in present)
    return _definition(sent)


def from_changed(sent: pb.EventType) -> Change:
    """A type to change, with what came back of what the server sets."""
    if not sent.etag:
        raise InvalidField.of(
            "event_type.etag", "is needed: read the type, change it and send it back"
        )
    if sent.state not in pb.EventTypeState.values():
        raise InvalidField.of("event_type.state", "must be empty, or as it was read")
    moment = sent.refuse_from if sent.HasField("refuse_from") else None
    return Change(
        definition=_definition(sent),
        etag=sent.etag,
        built_in=sent.built_in,
        deprecated=sent.state == pb.EVENT_TYPE_STATE_DEPRECATED if sent.state else None,
        refuse_from=_moment(moment, "event_type.refuse_from"),
    )


def from_deprecation(request: pb.DeprecateEventTypeRequest) -> Deprecation:
    """A type to take out of use."""
    moment = request.refuse_from if request.HasField("refuse_from") else None
    return Deprecation(request.name, request.etag, _moment(moment, "refuse_from"))


def _moment(moment: Timestamp | None, field: str) -> datetime | None:
    try:
        return None if moment is None else moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of(field, "must be a valid time of the years 1 to 9999") from None


def _definition(sent: pb.EventType) -> Definition:
    if sent.default_impact not in {impact.value for impact in Impact}:
        raise InvalidField.of(
            "event_type.default_impact", "must be one of IMPACT_LOW, IMPACT_MEDIUM, IMPACT_HIGH"
        )
    return Definition(
        name=sent.name,
        description=sent.description,
        properties_schema=sent.properties_schema,
        default_impact=sent.default_impact,
        retention_days=sent.retention_days or None,
    )

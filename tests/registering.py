"""Callers of EventTypeService, in the words of its tests."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.events.v1 import event_pb2
from footfall.events.v1 import event_types_pb2 as pb
from tests.ingesting import Caller, Ingest, Refused, refusal
from tests.organisations import Organisation


def create(caller: Caller, name: str = "signup", request_id: str = "", **fields: Any) -> Any:
    sent = pb.EventType(name=name, **fields)
    request = pb.CreateEventTypeRequest(event_type=sent, request_id=request_id)
    return caller.call("CreateEventType", request).event_type


def get(caller: Caller, name: str) -> Any:
    return caller.call("GetEventType", pb.GetEventTypeRequest(name=name)).event_type


def update(caller: Caller, one: pb.EventType, request_id: str = "", **fields: Any) -> Any:
    """Send a type back as it was read, with other values in some fields."""
    sent = pb.EventType()
    sent.CopyFrom(one)
    sent.MergeFrom(pb.EventType(**fields))
    request = pb.UpdateEventTypeRequest(event_type=sent, request_id=request_id)
    return caller.call("UpdateEventType", request).event_type


def deprecate(caller: Caller, name: str, etag: str, refuse_from: Timestamp | None = None) -> Any:
    request = pb.DeprecateEventTypeRequest(name=name, etag=etag, refuse_from=refuse_from)
    return caller.call("DeprecateEventType", request).event_type


def refused(act: Any, *arguments: Any, **fields: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failed:
        act(*arguments, **fields)
    return refusal(failed.value)


def types(caller: Caller, page_size: int = 0) -> list[pb.EventType]:
    found: list[pb.EventType] = []
    token = ""
    while True:
        request = pb.ListEventTypesRequest(page_size=page_size, page_token=token)
        page = caller.call("ListEventTypes", request)
        assert len(page.event_types) <= (page_size or 50)
        found += page.event_types
        token = page.next_page_token
        if not token:
            return found


def reasons(caller: Caller, *events: event_pb2.Event) -> list[str]:
    return [one.reason for one in caller.ingest(*events)]


def actions(ingest: Ingest, organisation: Organisation) -> list[tuple[str, str, str, str]]:
    query = (
        "SELECT action, target, actor, actor_role FROM app.audit_entries WHERE org_id = %s"
        " AND action LIKE 'event_type.%%' ORDER BY sequence"
    )
    return ingest.database.execute(query, organisation.org_id)

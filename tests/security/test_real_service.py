"""What every call meets first, at the real service. Numbers are those of the checklist."""

from __future__ import annotations

import asyncio
import gzip
import os
import struct
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_types_pb2
from tests.http2 import grpc_call
from tests.ingesting import Caller, Ingest, Refused, event, refusal
from tests.organisations import Organisation

MIB = 1024 * 1024
INGEST_EVENTS = "/footfall.events.v1.EventIngestService/IngestEvents"


def refused(caller: Caller, method: str, request: object, *extra: tuple[str, str]) -> Refused:
    stub = caller.events if hasattr(caller.events, method) else caller.types
    with pytest.raises(grpc.RpcError) as failed:
        getattr(stub, method)(request, metadata=(*caller.metadata, *extra), timeout=20)
    return refusal(failed.value)


def raw(caller: Caller, path: str, request: bytes, **options: Any) -> grpc.RpcError:
    call: Any = caller.channel.unary_unary(path)
    with pytest.raises(grpc.RpcError) as failed:
        call(request, metadata=caller.metadata, timeout=20, **options)
    return failed.value


def test_16_a_message_beyond_the_limit_is_refused_for_good(
    ingest: Ingest, acme: Organisation
) -> None:
    """Sent so large, or unpacked to it: RESOURCE_EXHAUSTED, and nothing that invites a retry."""
    caller = ingest.caller(acme)
    for options in ({}, {"compression": grpc.Compression.Gzip}):
        error: Any = raw(caller, INGEST_EVENTS, b"\x00" * (5 * MIB), **options)
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert b"RetryInfo" not in repr(error.trailing_metadata()).encode()
    assert caller.verdicts(event()) == ["ACCEPTED"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_17_fifty_gzip_bombs_at_once_cost_no_memory(
    ingest: Ingest, acme: Organisation
) -> None:
    """200 MiB each, with a credential that is good."""
    packed = gzip.compress(b"\x00" * (200 * MIB), 1)
    body = b"\x01" + struct.pack(">I", len(packed)) + packed
    caller = ingest.caller(acme)
    headers = [("grpc-encoding", "gzip"), *caller.metadata]
    assert caller.verdicts(event()) == ["ACCEPTED"]
    before = peak = _resident(ingest)
    bombs = asyncio.gather(
        *(grpc_call(ingest.address, INGEST_EVENTS, body, headers) for _ in range(50))
    )
    async with asyncio.timeout(30):
        while not bombs.done():
            peak = max(peak, _resident(ingest))
            await asyncio.sleep(0.01)
    assert peak - before < 64 * MIB
    assert caller.verdicts(event()) == ["ACCEPTED"]


def test_26_nobody_is_told_the_api_unless_the_operator_wants_it(
    ingest: Ingest, acme: Organisation
) -> None:
    """And a method that does not exist, or no longer does, is UNIMPLEMENTED (58)."""
    caller = ingest.caller(acme)
    request = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    for path in (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/footfall.events.v1.EventIngestService/ForgetEvents",
        "/footfall.events.v2.EventIngestService/IngestEvent",
    ):
        error: Any = raw(caller, path, request)
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED, path


def test_36_who_names_another_organisation_is_refused_and_written_down(
    ingest: Ingest, acme: Organisation, globex: Organisation
) -> None:
    """R38. Members too; the entry is in the caller's own log, and nothing is stored anywhere."""
    foreign, own = ("x-org-id", str(globex.org_id)), ("x-org-id", str(acme.org_id))
    sent = pb.IngestEventsRequest(events=[event(user_id="mia")])
    for subject in ("backend", "mia"):
        told = refused(ingest.caller(acme, subject), "IngestEvents", sent, foreign)
        assert (told.code, told.reason) == (
            grpc.StatusCode.PERMISSION_DENIED,
            "FOREIGN_ORGANISATION",
        )
    entries = (
        "SELECT org_id, action, target, details->>'named' FROM app.audit_entries"
        " WHERE org_id IN (%s, %s)"
    )
    assert (
        ingest.database.execute(entries, acme.org_id, globex.org_id)
        == [(acme.org_id, "foreign_organisation.refuse", INGEST_EVENTS, repr(str(globex.org_id)))]
        * 2
    )
    assert [ingest.caller(one).listed() for one in (acme, globex)] == [[], []]
    caller = ingest.caller(acme)
    caller.events.IngestEvents(sent, metadata=(*caller.metadata, own), timeout=20)
    assert len(caller.listed()) == 1


def test_38_a_member_does_not_administrate(ingest: Ingest, acme: Organisation) -> None:
    """Whatever role its key was made with."""
    made = event_types_pb2.EventType(name="signup")
    asked = (
        ("ReplayRejectedEvents", pb.ReplayRejectedEventsRequest(reason="INVALID_FIELD")),
        ("CreateEventType", event_types_pb2.CreateEventTypeRequest(event_type=made)),
        ("UpdateEventType", event_types_pb2.UpdateEventTypeRequest(event_type=made)),
        ("DeprecateEventType", event_types_pb2.DeprecateEventTypeRequest(name="x", etag="x")),
    )
    for caller in (ingest.caller(acme, "mia"), ingest.caller(acme, "mia", role="owner")):
        for method, request in asked:
            told = refused(caller, method, request)
            assert (told.code, told.reason) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "ROLE_NOT_PERMITTED",
            )
    adam = ingest.caller(acme, "adam")
    assert adam.call("CreateEventType", asked[1][1]).event_type.name == "signup"


def _resident(ingest: Ingest) -> int:
    pages = Path(f"/proc/{ingest.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

"""Events that want to break something. Numbers are those of the hardening checklist."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import Caller, Ingest, at, event, new_id, refusal
from tests.organisations import Organisation

DAY = 86_400.0


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"type": ""}, "INVALID_FIELD", "type"),
        ({"type": "x" * 65}, "INVALID_FIELD", "type"),
        ({"type": "page_veiw"}, "UNKNOWN_EVENT_TYPE", "type"),
        ({"event_id": "no-uuid"}, "INVALID_FIELD", "event_id"),
        ({"user_id": "u" * 129}, "INVALID_FIELD", "user_id"),
        ({"user_id": "a\0b"}, "INVALID_FIELD", "user_id"),
        ({"section": "a\0b"}, "INVALID_FIELD", "section"),
        ({"context": {"browser": "a\0b"}}, "INVALID_FIELD", "context.browser"),
        ({"context": {"ip": "localhost"}}, "INVALID_FIELD", "context.ip"),
        ({"impact": 99}, "INVALID_FIELD", "impact"),
        ({"retention_days": -1}, "INVALID_FIELD", "retention_days"),
        ({"properties_json": "[1]"}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": "{"}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": '{"a": 1e400}'}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": '{"a": Infinity}'}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": '{"a": "\\u0000"}'}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": '{"\\u0000": 1}'}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": '{"a": "\\ud800"}'}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": nested(21)}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": nested(5000)}, "INVALID_PROPERTIES", "properties"),
        ({"properties_json": '{"a":"' + "x" * 65_536 + '"}'}, "INVALID_FIELD", "properties_json"),
        (
            {"properties_json": "{" + ",".join(f'"{i}":1' for i in range(1001)) + "}"},
            "INVALID_PROPERTIES",
            "properties",
        ),
        ({"cost": {"units": -1}}, "INVALID_FIELD", "cost"),
        ({"cost": {"nanos": -1}}, "INVALID_FIELD", "cost"),
        ({"cost": {"units": 2**62}}, "INVALID_FIELD", "cost"),
        ({"cost": {"units": 1, "currency_code": "EUR"}}, "CURRENCY_MISMATCH", "cost.currency_code"),
        (
            {"revenue": {"amount": {"units": 1, "nanos": 1, "currency_code": "USD"}}},
            "INVALID_FIELD",
            "revenue.amount.nanos",
        ),
        (
            {"revenue": {"amount": {"units": 1, "currency_code": "usd"}}},
            "INVALID_FIELD",
            "revenue.amount.currency_code",
        ),
        (
            {"model_request": {"router_confidence": 1.5}},
            "INVALID_FIELD",
            "model_request.router_confidence",
        ),
        (
            {"model_request": {"router_confidence": float("nan")}},
            "INVALID_FIELD",
            "model_request.router_confidence",
        ),
        ({"occurred_at": Timestamp(seconds=-62_135_596_801)}, "INVALID_FIELD", "occurred_at"),
        ({"occurred_at": Timestamp(seconds=253_402_300_800)}, "INVALID_FIELD", "occurred_at"),
        ({"occurred_at": Timestamp(nanos=1_000_000_000)}, "INVALID_FIELD", "occurred_at"),
        ({"occurred_at": at(-25 * 3600)}, "EVENT_IN_FUTURE", "occurred_at"),
        ({"occurred_at": at(401 * DAY)}, "EVENT_TOO_OLD", "occurred_at"),
        ({"event_id": new_id(401 * DAY)}, "EVENT_TOO_OLD", "event_id"),
        ({"event_id": new_id(-25 * 3600)}, "EVENT_IN_FUTURE", "event_id"),
        ({"event_id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}, "EVENT_IN_FUTURE", "event_id"),
        ({"event_id": "00000000-0000-7000-8000-000000000000"}, "EVENT_TOO_OLD", "event_id"),
    ],
)
def test_a_bad_field_is_named_and_its_neighbours_are_stored(
    backend: Caller, fields: dict[str, Any], reason: str, field: str
) -> None:
    """18, 55 and 56."""
    sent = event_pb2.Event(**{"type": "login", "event_id": new_id(), **fields})
    before, refused, after = backend.ingest(event(user_id="a"), sent, event(user_id="b"))
    assert before.verdict == after.verdict == pb.VERDICT_ACCEPTED
    assert (refused.verdict, refused.reason) == (pb.VERDICT_REJECTED, reason)
    assert f"{field}: " in refused.message
    with pytest.raises(grpc.RpcError) as failed:
        backend.call("IngestEvent", pb.IngestEventRequest(event=sent))
    found = refusal(failed.value)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert list(found.violations) == [field]
    assert len(backend.listed()) == 2


def test_edges_that_are_allowed_are_stored(backend: Caller) -> None:
    allowed: list[dict[str, Any]] = [
        {"properties_json": nested(20)},
        {"properties_json": "{" + ",".join(f'"{i}":1' for i in range(1000)) + "}"},
        {"properties_json": '{"a": "\\\\u0000"}'},
        {"properties_json": '{"big": 123456789012345678901234567890, "small": 1e-300}'},
        {"properties_json": '{"text": "x \\u001b[31m \\r\\n =cmd() \\u202e"}'},
        {"user_id": "\u202e=cmd()\r\n\x1b[31m🦊"},
        {"occurred_at": at(364 * DAY)},
        {"occurred_at": at(-23 * 3600)},
        {"event_id": str(uuid.uuid4())},
        {"cost": {"units": 0, "nanos": 1}},
        {"competency_area": "x", "anonymized": True, "retention_days": 36500},
    ]
    for fields in allowed:
        assert backend.verdicts(event("login", **fields)) == ["ACCEPTED"], fields
    assert len(backend.listed()) == len(allowed)


def test_text_comes_back_letter_for_letter(backend: Caller) -> None:
    """55."""
    text = "RTL \u202e, CR\r LF\n, ANSI \x1b[31m, =cmd(), 🦊, \ufffe"
    backend.ingest(event(user_id=text[:60], section=text, properties_json='{"t":"\\u202e\\r\\n"}'))
    (listed,) = backend.listed()
    assert (listed.user_id, listed.section) == (text[:60], text)
    assert listed.properties_json == '{"t":"\u202e\\r\\n"}'


def test_a_structure_and_its_json_are_checked_alike(backend: Caller) -> None:
    fine, deep, wide, not_finite = Struct(), Struct(), Struct(), Struct()
    fine.update({"a": {"b": [1, "two", None, True]}})
    level = deep
    for _ in range(21):
        level = level.get_or_create_struct("a")
    wide.update({str(number): number for number in range(1001)})
    not_finite["a"] = float("nan")
    results = backend.ingest(
        *(event("login", properties=one) for one in (fine, deep, wide, not_finite))
    )
    assert [one.reason for one in results] == ["", *["INVALID_PROPERTIES"] * 3]
    (listed,) = backend.listed()
    assert listed.properties_json == '{"a":{"b":[1,"two",null,true]}}'


@pytest.mark.parametrize("depth", [60, 20_000])
def test_a_message_nested_too_deeply_is_undecodable(backend: Caller, depth: int) -> None:
    """18. Below that it never becomes a message."""
    value = b"\x1a\x01x"
    for _ in range(depth):
        inner = b"\x0a\x01a\x12" + _length(value) + value  # a field of a Struct
        struct = b"\x0a" + _length(inner) + inner
        value = b"\x2a" + _length(struct) + struct  # a Value that holds the Struct
    properties = b"\x0a" + _length(b"\x0a\x01a\x12" + _length(value) + value)
    properties += b"\x0a\x01a\x12" + _length(value) + value
    raw = b"\x12\x05login\x6a" + _length(properties) + properties
    request = b"\x0a" + _length(raw) + raw
    with pytest.raises(grpc.RpcError) as failed:
        _raw(backend, "IngestEvent", request)
    found = refusal(failed.value)
    assert (found.code, found.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "UNDECODABLE_REQUEST",
    )
    assert backend.verdicts(event()) == ["ACCEPTED"]


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\x05\x12\x03\xff\xfe\xfd", b"\x0a\xff"])
def test_garbage_is_undecodable(backend: Caller, garbage: bytes) -> None:
    """20."""
    for method in ("IngestEvent", "IngestEvents", "ListEvents"):
        with pytest.raises(grpc.RpcError) as failed:
            _raw(backend, method, garbage if method != "ListEvents" else b"\x1a\x02\xff\xfe")
        assert refusal(failed.value).reason == "UNDECODABLE_REQUEST"


def test_fields_of_newer_clients_do_no_harm(backend: Caller) -> None:
    """58. An unknown field is part of the content: another value of it is another event."""
    sent = event(user_id="mia")
    newer = event_pb2.Event.FromString(sent.SerializeToString() + b"\xba\x3e\x03new")
    other = event_pb2.Event.FromString(sent.SerializeToString() + b"\xba\x3e\x03old")
    assert backend.verdicts(newer) == ["ACCEPTED"]
    assert backend.verdicts(newer, other) == ["DUPLICATE", "CONFLICT"]


def test_unknown_numbers_of_enums_in_details_are_kept(backend: Caller) -> None:
    """58."""
    backend.ingest(event("model_request", model_request={"model": "m", "status": 99}))
    (listed,) = backend.listed()
    assert listed.model_request.status == 99


def test_addresses_of_persons_are_dropped_unless_the_organisation_keeps_them(
    ingest: Ingest, acme: Organisation, backend: Caller, globex: Organisation
) -> None:
    acme.set("keep_ip", value=True)
    sent = {"ip": "192.0.2.7", "browser": "firefox"}
    keeping, dropping = backend, ingest.caller(globex)
    for caller in (keeping, dropping):
        caller.ingest(event(context=sent))
    assert [caller.listed()[0].context.ip for caller in (keeping, dropping)] == ["192.0.2.7", ""]


def test_all_that_is_sent_comes_back(backend: Caller) -> None:
    sent = event(
        "model_request",
        occurred_at=at(60),
        user_id="mia",
        session_id="s",
        client_id="c",
        feature="f",
        section="x",
        impact=event_pb2.IMPACT_HIGH,
        competency_area="sales_execution",
        cost={"currency_code": "USD", "units": 3, "nanos": 5},
        context={"device_type": "desktop", "time_on_page_ms": 2**40},
        properties_json='{"a":1}',
        retention_days=30,
        anonymized=True,
        model_request={
            "model": "m",
            "input_tokens": 2**40,
            "reported_cost": {"currency_code": "USD", "nanos": 7},
            "quality": 0.0,
            "router_confidence": 0.25,
        },
    )
    bought = event(
        "revenue",
        revenue={"amount": {"currency_code": "JPY", "units": 980}, "kind": 7, "units": 2},
    )
    empty = event("touchpoint", touchpoint={})
    backend.ingest(sent, bought, empty)
    back = {one.event_id: one for one in backend.listed()}
    assert back[sent.event_id] == sent
    assert back[bought.event_id].revenue == bought.revenue
    assert back[empty.event_id].HasField("touchpoint")


def _length(data: bytes) -> bytes:
    number, out = len(data), b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


def _raw(caller: Caller, method: str, request: bytes) -> bytes:
    path = f"/footfall.events.v1.EventIngestService/{method}"
    call: Any = caller.channel.unary_unary(path)
    answer: bytes = call(request, metadata=caller.metadata, timeout=20)
    return answer

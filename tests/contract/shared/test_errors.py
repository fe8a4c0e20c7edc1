"""What callers get to know when something goes wrong, over a socket and through the whole chain."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import psycopg_pool
import pytest
from google.protobuf import struct_pb2
from grpc import StatusCode

from footfall.errors.v1 import error_reason_pb2
from footfall.events.v1 import event_ingest_pb2, event_pb2
from shared import errors
from shared.rpc.status import CODES
from tests.serving import Told, Unused, drained, refusal, serving

EXAMPLES = [
    errors.InvalidField.of("event.type", "must not be empty"),
    errors.UndecodableRequest(),
    errors.InvalidPageToken(),
    errors.MessageTooLarge(limit_bytes="4194304"),
    errors.CredentialRefused(),
    errors.ScopeMissing(scope="events:write"),
    errors.RoleNotPermitted(role="member"),
    errors.ForeignOrganisation(),
    errors.NotFound(resource="session"),
    errors.AlreadyExists(resource="event_type"),
    errors.RequestIdReused(),
    errors.StaleEtag(),
    errors.ConcurrentChange(),
    errors.FailedPrecondition(),
    errors.ResumeTokenExpired(oldest="abc"),
    errors.StreamLifeEnded(),
    errors.Overloaded(),
    errors.DatabaseAway(),
    errors.QuotaExhausted(
        quota=[errors.QuotaViolation("organisation x", "5 a second")], limit="org_calls_per_second"
    ),
    errors.DeadlinePassed(),
]


class Raising(Unused):
    """Fails as it is told, in each kind of method."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def GetSession(self, _request: Any, _call: Any) -> Any:
        raise self._error

    async def TailEvents(self, _request: Any, _call: Any) -> AsyncIterator[Any]:
        yield event_ingest_pb2.TailEventsResponse(resume_token="first")
        raise self._error

    async def StreamEvents(self, requests: Any, _call: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield event_ingest_pb2.StreamEventsResponse(batch_number=request.batch_number)
            raise self._error


SESSION = event_ingest_pb2.GetSessionRequest(
    session_key="01890a5d-ac96-774b-bcce-b302099a8057"
).SerializeToString()


async def _all_kinds(error: Exception) -> list[Told]:
    async with serving(ingest=Raising(error)) as server:
        return [
            await refusal(server.unary("GetSession", SESSION)),
            await refusal(drained(server.stream("TailEvents"))),
            await refusal(drained(server.bidi("StreamEvents", iter([b""])))),
        ]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
async def test_every_error_of_the_table_reaches_callers_whole(error: errors.FootfallError) -> None:
    for told in await _all_kinds(error):
        assert told.code is CODES.get(type(error), StatusCode.ABORTED)
        assert (told.infos, told.domain, told.reason) == (1, "footfall", error.reason)
        assert told.metadata == error.metadata
        assert told.retry_after == error.retry_after
        assert len(told.fields) == len(error.violations)
        assert len(told.quota) == len(error.quota)
        assert told.message.startswith(error.message)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.OperationalError("server closed the connection"), StatusCode.UNAVAILABLE),
        (psycopg.errors.AdminShutdown("hunter2"), StatusCode.UNAVAILABLE),
        (psycopg_pool.PoolTimeout("hunter2"), StatusCode.UNAVAILABLE),
        (psycopg.errors.QueryCanceled("hunter2"), StatusCode.DEADLINE_EXCEEDED),
        (psycopg.errors.UndefinedColumn("hunter2"), StatusCode.INTERNAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
async def test_what_postgres_says_is_told_as_what_it_means(
    error: Exception, code: StatusCode
) -> None:
    """Wherever in a handler it comes up: a database that goes away is no fault of ours."""
    for told in await _all_kinds(error):
        assert told.code is code
        assert "hunter2" not in told.message
        assert (told.retry_after is not None) == (code is StatusCode.UNAVAILABLE)


def test_the_examples_cover_the_table_and_its_reasons_are_documented() -> None:
    assert set(CODES) <= {type(one) for one in EXAMPLES}
    documented = {
        name.removeprefix("ERROR_REASON_")
        for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
    }
    assert {one.reason for one in EXAMPLES} <= documented


async def test_an_area_error_takes_the_code_of_its_nearest_ancestor() -> None:
    class EventTooOld(errors.InvalidField):
        """The event is older than {days} days."""

        reason = "EVENT_TOO_OLD"

    told = (await _all_kinds(EventTooOld(days="365")))[0]
    assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "EVENT_TOO_OLD")
    assert told.message == "The event is older than 365 days."


async def test_the_text_of_an_unknown_exception_stays_inside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Test 25: INTERNAL with an id; the canary is in the private log only, once per call."""
    for told in await _all_kinds(RuntimeError("password=hunter2; SELECT secret FROM t")):
        assert (told.code, told.reason) == (StatusCode.INTERNAL, "INTERNAL")
        assert "hunter2" not in repr(told)
        lines = [
            one for one in caplog.records if vars(one).get("error_id") == told.metadata["error_id"]
        ]
        assert len(lines) == 1
        assert "hunter2" in logging.Formatter().formatException(lines[0].exc_info or ())  # type: ignore[arg-type]


async def test_an_answer_that_cannot_be_encoded_is_our_fault() -> None:
    class Wrong(Unused):
        async def GetSession(self, _request: Any, _call: Any) -> Any:
            return "no message"

        async def TailEvents(self, _request: Any, _call: Any) -> AsyncIterator[Any]:
            yield "no message"

    async with serving(ingest=Wrong()) as server:
        assert (await refusal(server.unary("GetSession", SESSION))).reason == "INTERNAL"
        assert (await refusal(drained(server.stream("TailEvents")))).reason == "INTERNAL"


def _nested(levels: int) -> bytes:
    """An event whose properties nest so deep, built from the inside: no library can."""
    inner = b""  # a null value
    for _ in range(levels):
        inner = _field(6, _field(1, inner))  # Value.list_value.values
    entry = _field(1, b"k") + _field(2, inner)
    event = event_pb2.Event(type="page_view").SerializeToString() + _field(13, _field(1, entry))
    return _field(1, event)


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


@pytest.mark.parametrize("levels", [60, 1000, 20_000])
async def test_a_structure_that_is_too_deep_to_read_is_refused(levels: int) -> None:
    """Test 18: no library text, and the process lives on. (21 levels is the rule of the events.)"""
    async with serving(ingest=Echo()) as server:
        told = await refusal(server.unary("IngestEvent", _nested(levels)))
        assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "UNDECODABLE_REQUEST")
        assert "pars" not in told.message.lower()
        assert await server.unary("IngestEvent", _nested(10))


async def test_what_can_still_be_read_is_validated_without_harm() -> None:
    """Test 18: as deep as the decoder goes."""
    async with serving(ingest=Echo()) as server:
        assert await server.unary("IngestEvent", _nested(44))


GARBAGE = {
    "garbage": b"\xff\xfe\x00garbage",
    "bad UTF-8": b"\x0a\x04" + b"\x12\x02\xff\xfe",
    "cut short": b"\x0a\x7fabc",
    "no field zero": b"\x00\x00",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE)
async def test_bytes_that_are_no_request_are_the_callers_mistake(raw: bytes) -> None:
    """Test 20: INVALID_ARGUMENT, in unary and streaming methods alike, with no library text."""
    async with serving(ingest=Echo()) as server:
        for told in [
            await refusal(server.unary("IngestEvent", raw)),
            await refusal(drained(server.stream("TailEvents", b"\xff" + raw))),
            await refusal(drained(server.bidi("StreamEvents", iter([b"\x08\x01", b"\xff" + raw])))),
        ]:
            assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "UNDECODABLE_REQUEST")
            assert told.message == errors.UndecodableRequest().message


class Echo(Unused):
    """Answers."""

    async def IngestEvent(self, request: Any, _call: Any) -> Any:
        assert isinstance(request.event, event_pb2.Event)
        return event_ingest_pb2.IngestEventResponse(event_id=request.event.event_id or "none")

    async def TailEvents(self, _request: Any, _call: Any) -> AsyncIterator[Any]:
        yield event_ingest_pb2.TailEventsResponse()

    async def StreamEvents(self, requests: Any, _call: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield event_ingest_pb2.StreamEventsResponse(batch_number=request.batch_number)


async def test_a_violated_rule_names_the_field_and_what_is_allowed() -> None:
    request = event_ingest_pb2.IngestEventRequest(
        event=event_pb2.Event(event_id="7", user_id="x" * 200)
    ).SerializeToString()
    async with serving(ingest=Echo()) as server:
        told = await refusal(server.unary("IngestEvent", request))
    assert told.code is StatusCode.INVALID_ARGUMENT
    assert told.fields == {
        "event.event_id": "must be a valid UUID",
        "event.type": "must be at least 1 characters",
        "event.user_id": "must be at most 128 characters",
    }


async def test_each_message_of_a_stream_is_checked() -> None:
    bad = event_ingest_pb2.StreamEventsRequest(batch_number=2, events=[event_pb2.Event()])
    async with serving(ingest=Echo()) as server:
        told = await refusal(
            drained(server.bidi("StreamEvents", iter([b"\x08\x01", bad.SerializeToString()])))
        )
    assert told.fields == {"events[0].type": "must be at least 1 characters"}


async def test_a_method_that_checks_its_items_itself_gets_them_as_they_are() -> None:
    bad = event_ingest_pb2.IngestEventRequest(event=event_pb2.Event()).SerializeToString()
    async with serving(ingest=Echo(), self_validating=frozenset({"IngestEvent"})) as server:
        assert await server.unary("IngestEvent", bad)


async def test_a_thousand_violations_still_fit_into_the_trailers() -> None:
    """A client refuses metadata beyond 8 KiB: it must hear of its mistake, not of our headers."""
    many = event_ingest_pb2.IngestEventsRequest(
        events=[event_pb2.Event(event_id="é" * 100) for _ in range(1000)]
    ).SerializeToString()
    async with serving(ingest=Echo()) as server:
        told = await refusal(server.unary("IngestEvents", many))
    assert told.code is StatusCode.INVALID_ARGUMENT
    assert 10 < len(told.fields) <= 20
    assert "more)" in list(told.fields.values())[-1]


async def test_unknown_methods_and_services_are_unimplemented() -> None:
    """Tests 26 and 58: also a route that a newer version removed."""
    async with serving(ingest=Echo()) as server:
        for path in ("/footfall.events.v1.EventIngestService/Forgotten", "/no.Such/Method"):
            assert (await refusal(server.unary(path))).code is StatusCode.UNIMPLEMENTED


async def test_a_newer_client_is_understood_as_far_as_we_know_its_words() -> None:
    """Test 58: an unknown enum number is kept as a number, an unknown field is no error."""

    class Kept(Echo):
        async def IngestEvent(self, request: Any, _call: Any) -> Any:
            assert request.event.impact == 99
            assert b"\xa0\x9c\x01\x07" in request.event.SerializeToString()
            return event_ingest_pb2.IngestEventResponse(event_id="kept")

    event = (
        event_pb2.Event(type="page_view").SerializeToString() + b"\x48\x63" + b"\xa0\x9c\x01\x07"
    )
    async with serving(ingest=Kept()) as server:
        answer = await server.unary("IngestEvent", _field(1, event))
    assert event_ingest_pb2.IngestEventResponse.FromString(answer).event_id == "kept"


def test_structures_nest_as_the_test_says() -> None:
    request = event_ingest_pb2.IngestEventRequest.FromString(_nested(3))
    value = request.event.properties.fields["k"]
    for _ in range(3):
        value = value.list_value.values[0]
    assert value == struct_pb2.Value()

"""R40: what one organisation sends appears in no answer, number or log line of another's.

And in no log line at all: logs go to places where personal data and secrets must not be.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import orjson
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2, event_types_pb2
from tests.ingesting import Caller, Ingest, event
from tests.organisations import Organisation

SCHEMA = '{"type":"object","properties":{"%s":{"type":"string","const":"%s"}},"required":["%s"]}'


class Canaries:
    """Words that occur nowhere else; each is planted once."""

    def __init__(self) -> None:
        groups = [f"{random.randrange(0x1000, 0x10000):x}" for _ in range(6)]
        self.ip = ":".join(["2001", "db8", *groups])
        self.all = [self.ip]

    def __call__(self) -> str:
        word = f"canary{uuid.uuid4().hex[:16]}"
        self.all.append(word)
        return word

    def found_in(self, text: str) -> list[str]:
        return [word for word in self.all if word in text]


def good_events(word: Canaries) -> list[event_pb2.Event]:
    context = {name: word() for name in ("browser", "os", "device_type", "referrer")}
    return [
        event(
            user_id=word(),
            session_id=word(),
            client_id=word(),
            feature=word(),
            section=word(),
            competency_area=word(),
            context={**context, "ip": word.ip},
            properties_json=f'{{"{word()}": "{word()}"}}',
        ),
        event("model_request", user_id=word(), model_request={"model": word()}),
    ]


def bad_events(word: Canaries) -> list[event_pb2.Event]:
    """Every way in which an event is refused that could quote it."""
    first = event(user_id=word())
    return [
        event(word()),
        event(event_id=word()),
        event(user_id=word() + "x" * 128),
        event(user_id=f"{word()}\0"),
        event(section=f"{word()}\r\n\0"),
        event(context={"ip": word()}),
        event(context={"browser": f"{word()}\0"}),
        event(cost={"units": 1, "currency_code": word()}),
        event(revenue={"amount": {"units": 1, "currency_code": word()}}),
        event(properties_json=word()),
        event(properties_json=f'{{"{word()}": "{word()}\\u0000"}}'),
        event(properties_json='{"a":' * 21 + f'"{word()}"' + "}" * 21),
        first,
        event(event_id=first.event_id, user_id=word()),
    ]


def requests(word: Canaries) -> Iterator[tuple[str, Any]]:
    """Calls that quote something of the caller's, right and wrong."""
    name, schema = word(), SCHEMA % (word(), word(), word())
    made = event_types_pb2.EventType(name=name, description=word(), properties_schema=schema)
    yield "CreateEventType", event_types_pb2.CreateEventTypeRequest(event_type=made)
    yield "CreateEventType", event_types_pb2.CreateEventTypeRequest(event_type=made)
    wrong = event_types_pb2.EventType(name=word(), properties_schema=f'{{"type": "{word()}"}}')
    yield "CreateEventType", event_types_pb2.CreateEventTypeRequest(event_type=wrong)
    wrong = event_types_pb2.EventType(name=f"{word()} {word()}", description=word() * 100)
    yield "CreateEventType", event_types_pb2.CreateEventTypeRequest(event_type=wrong)
    made = event_types_pb2.EventType(name=name, etag=word(), description=word())
    yield "UpdateEventType", event_types_pb2.UpdateEventTypeRequest(event_type=made)
    yield "GetEventType", event_types_pb2.GetEventTypeRequest(name=word())
    yield "ListEvents", pb.ListEventsRequest(user_id=word(), types=[word()])
    yield "ListEvents", pb.ListEventsRequest(page_token=word())
    yield "ListEvents", pb.ListEventsRequest(user_id=word() * 10)
    yield "ListSessions", pb.ListSessionsRequest(user_id=word())
    yield "GetSession", pb.GetSessionRequest(session_key=word())
    yield "ListRejectedEvents", pb.ListRejectedEventsRequest(reason=word())
    yield "ReplayRejectedEvents", pb.ReplayRejectedEventsRequest(rejection_ids=[word()])
    events = [event(name, user_id=word(), properties_json=f'{{"a": "{word()}"}}')]
    yield "IngestEvents", pb.IngestEventsRequest(events=events)
    yield "IngestEvents", pb.IngestEventsRequest(events=[*good_events(word), *bad_events(word)])
    for sent in (*good_events(word), *bad_events(word)):
        yield "IngestEvent", pb.IngestEventRequest(event=sent)


def heard(caller: Caller, method: str, request: Any, *extra: tuple[str, str]) -> str:
    """All that comes back: the message or the error, and the trailers."""
    stub = caller.events if hasattr(caller.events, method) else caller.types
    try:
        answer, call = getattr(stub, method).with_call(
            request, metadata=(*caller.metadata, *extra), timeout=20
        )
    except grpc.RpcError as error:
        failed: Any = error
        return f"{failed.code()} {failed.details()} {failed.trailing_metadata()}"
    return f"{answer} {call.trailing_metadata()}"


@pytest.fixture
def word(ingest: Ingest, acme: Organisation) -> Canaries:
    """All that Acme can send, sent; also in a member's name, by a caller with odd headers."""
    word = Canaries()
    extra = (("x-note", word()), ("user-agent", word()), ("x-org-id", str(acme.org_id)))
    for subject in ("backend", "mia"):
        caller = ingest.caller(acme, subject)
        word.all.append(caller.metadata[0][1].removeprefix("Bearer "))
        for method, request in requests(word):
            heard(caller, method, request, *extra)
    heard(Caller(ingest.address, f"ff_{word()}"), "ListEvents", pb.ListEventsRequest())
    return word


def test_no_answer_number_or_log_line_holds_what_a_neighbour_sent(
    ingest: Ingest, globex: Organisation, word: Canaries
) -> None:
    """R40, with some 200 canaries, in every field that takes text."""
    assert len(word.all) > 100
    own = Canaries()
    for subject in ("backend", "mia", "olga"):
        stranger = ingest.caller(globex, subject)
        for method, request in requests(own):
            assert word.found_in(heard(stranger, method, request)) == [], method
        for method, request in (
            ("ListEvents", pb.ListEventsRequest()),
            ("ListSessions", pb.ListSessionsRequest()),
            ("ListRejectedEvents", pb.ListRejectedEventsRequest()),
            ("ListEventTypes", event_types_pb2.ListEventTypesRequest()),
        ):
            assert word.found_in(heard(stranger, method, request)) == [], method
    assert word.found_in(repr(ingest.numbers())) == []
    log = ingest.log.read_text()
    assert word.found_in(log) == own.found_in(log) == []
    assert str(globex.org_id) in log


def test_a_fault_of_ours_is_logged_without_the_data_of_the_call_that_met_it(
    ingest: Ingest, acme: Organisation
) -> None:
    """Postgres quotes rows in the details of its errors; the caller and the log get neither."""
    word, execute = Canaries(), ingest.database.execute
    caller = ingest.caller(acme)
    execute("ALTER TABLE app.rejected_events ADD COLUMN forgotten integer NOT NULL DEFAULT 0")
    execute("ALTER TABLE app.rejected_events ALTER COLUMN forgotten DROP DEFAULT")
    try:
        sent = event("nope", event_id="", user_id=word(), section=word())
        told = heard(caller, "IngestEvent", pb.IngestEventRequest(event=sent))
    finally:
        execute("ALTER TABLE app.rejected_events DROP COLUMN forgotten")
    assert "INTERNAL" in told
    assert word.found_in(told) == []
    log = ingest.log.read_text()
    assert "NotNullViolation" in log
    assert word.found_in(log) == []
    for line in log.splitlines():
        orjson.loads(line)

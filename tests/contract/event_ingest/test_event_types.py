"""EventTypeService over a socket: the promises of event_types.proto, one by one."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.events.v1 import event_pb2
from footfall.events.v1 import event_types_pb2 as pb
from services.event_ingest.event_types.rules import BUILT_IN
from tests.ingesting import Caller, Ingest, at, event, refusal
from tests.organisations import Organisation
from tests.registering import actions, create, deprecate, get, reasons, refused, types, update

AMOUNT = json.dumps({"properties": {"amount": {"minimum": 1}}, "required": ["amount"]})


def test_a_new_type_is_there_and_its_events_are_taken_at_once(backend: Caller) -> None:
    assert reasons(backend, event("signup")) == ["UNKNOWN_EVENT_TYPE"]
    made = create(backend, description="Somebody came", retention_days=30)
    assert (made.state, made.built_in, made.default_impact) == (
        pb.EVENT_TYPE_STATE_ACTIVE,
        False,
        event_pb2.IMPACT_LOW,
    )
    assert made.etag
    assert get(backend, "signup") == made
    assert made in types(backend)
    assert backend.verdicts(event("signup")) == ["ACCEPTED"]


def test_an_event_takes_the_impact_of_its_type(backend: Caller) -> None:
    create(backend, default_impact=event_pb2.IMPACT_HIGH)
    backend.ingest(event("signup"))
    assert [one.impact for one in backend.listed()] == [event_pb2.IMPACT_HIGH]


@pytest.mark.parametrize("name", ["signup", "page_view"])
def test_a_name_is_given_once_and_built_in_ones_are_taken(backend: Caller, name: str) -> None:
    create(backend)
    found = refused(create, backend, name)
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert found.metadata == {"resource": "event_type"}


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("name", {"name": "Sign Up"}),
        ("name", {"name": ""}),
        ("name", {"name": "a" * 65}),
        ("description", {"description": "x" * 1001}),
        ("description", {"description": "a\0b"}),
        ("properties_schema", {"properties_schema": "{"}),
        ("properties_schema", {"properties_schema": '{"type": "objec"}'}),
        ("properties_schema", {"properties_schema": '{"$ref": "http://127.0.0.1/schema"}'}),
        ("properties_schema", {"properties_schema": '"' + "x" * 65_535 + '"'}),
        ("default_impact", {"default_impact": 99}),
        ("retention_days", {"retention_days": -1}),
        ("retention_days", {"retention_days": 36_501}),
        ("built_in", {"built_in": True}),
        ("state", {"state": pb.EVENT_TYPE_STATE_ACTIVE}),
        ("state", {"state": 77}),
        ("refuse_from", {"refuse_from": Timestamp()}),
        ("etag", {"etag": "abc"}),
    ],
)
def test_a_field_that_breaks_its_promise_is_named(
    backend: Caller, field: str, fields: dict[str, Any]
) -> None:
    """37, where the server sets the field."""
    found = refused(create, backend, **{"name": "signup", **fields})
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(found.violations) == [f"event_type.{field}"]
    assert refused(get, backend, "signup").code is grpc.StatusCode.NOT_FOUND


def test_a_schema_is_enforced_event_by_event(backend: Caller) -> None:
    create(backend, properties_schema=AMOUNT)
    results = backend.ingest(
        event("signup", properties_json='{"amount": 1}'),
        event("signup", properties_json='{"amount": -77}'),
        event("signup"),
    )
    assert [one.reason for one in results] == ["", "SCHEMA_VIOLATED", "SCHEMA_VIOLATED"]
    assert "properties.amount: must be at least 1" in results[1].message
    assert "77" not in results[1].message


def test_a_built_in_type_takes_a_schema_in_its_own_organisation_only(
    ingest: Ingest, backend: Caller, globex: Organisation
) -> None:
    before = get(backend, "login")
    assert (before.built_in, before.default_impact) == (True, event_pb2.IMPACT_LOW)
    after = update(backend, before, properties_schema=AMOUNT)
    assert after.built_in
    assert after.etag != before.etag
    assert get(backend, "login") == after
    assert reasons(backend, event("login")) == ["SCHEMA_VIOLATED"]
    assert ingest.caller(globex).verdicts(event("login")) == ["ACCEPTED"]
    assert [one.name for one in types(backend)] == sorted(BUILT_IN)


def test_an_update_replaces_what_people_say_and_keeps_the_rest(backend: Caller) -> None:
    made = create(backend, description="a", properties_schema=AMOUNT, retention_days=30)
    changed = pb.EventType(name="signup", etag=made.etag, description="b")
    answer = update(backend, changed)
    assert (answer.description, answer.properties_schema, answer.retention_days) == ("b", "", 0)
    assert backend.verdicts(event("signup")) == ["ACCEPTED"]


def test_the_second_of_two_updates_is_stale(backend: Caller) -> None:
    made = create(backend)
    update(backend, made, description="first")
    found = refused(update, backend, made, description="second")
    assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert refused(deprecate, backend, "signup", made.etag).reason == "STALE_ETAG"
    assert get(backend, "signup").description == "first"


def test_of_updates_at_the_same_time_one_wins(backend: Caller) -> None:
    for one in (create(backend), get(backend, "login")):

        def attempt(number: int, one: pb.EventType = one) -> str:
            try:
                return str(update(backend, one, description=f"by {number}").description)
            except grpc.RpcError as error:
                return refusal(error).reason

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(attempt, range(8)))
        assert outcomes.count("STALE_ETAG") == 7
        (winner,) = set(outcomes) - {"STALE_ETAG"}
        assert get(backend, one.name).description == winner


def test_an_update_needs_an_etag_and_leaves_alone_what_the_server_sets(backend: Caller) -> None:
    """37."""
    made = create(backend)
    bare = pb.EventType(name="signup")
    assert list(refused(update, backend, bare).violations) == ["event_type.etag"]
    for field, value in (("built_in", True), ("state", 2), ("refuse_from", at(0))):
        found = refused(update, backend, made, **{field: value})
        assert found.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(found.violations) == [f"event_type.{field}"]
        assert "OUTPUT_ONLY_FIELD" in found.violations[f"event_type.{field}"]
    assert get(backend, "signup") == made


def test_a_deprecated_type_is_refused_from_its_time_on(backend: Caller) -> None:
    made = create(backend)
    for_ever = deprecate(backend, "signup", made.etag)
    assert for_ever.state == pb.EVENT_TYPE_STATE_DEPRECATED
    assert not for_ever.HasField("refuse_from")
    assert backend.verdicts(event("signup")) == ["ACCEPTED"]
    over = deprecate(backend, "signup", for_ever.etag, at(1))
    assert reasons(backend, event("signup")) == ["EVENT_TYPE_DEPRECATED"]
    later = deprecate(backend, "signup", over.etag, at(-60))
    assert backend.verdicts(event("signup")) == ["ACCEPTED"]
    assert update(backend, later, description="on its way out").refuse_from == later.refuse_from


def test_a_built_in_type_cannot_be_deprecated(backend: Caller) -> None:
    found = refused(deprecate, backend, "login", get(backend, "login").etag)
    assert found.code is grpc.StatusCode.FAILED_PRECONDITION
    assert found.reason == "FAILED_PRECONDITION"


def test_a_time_outside_of_the_calendar_is_refused(backend: Caller) -> None:
    made = create(backend)
    for moment in (Timestamp(seconds=2**62), Timestamp(nanos=-1), Timestamp(nanos=2**31 - 1)):
        found = refused(deprecate, backend, "signup", made.etag, moment)
        assert list(found.violations) == ["refuse_from"]


@pytest.mark.parametrize("name", ["sign_up", "Sign Up", "a\1", "é"])
def test_a_type_that_is_not_there_is_not_found_whatever_it_is_called(
    backend: Caller, name: str
) -> None:
    for act, arguments in ((get, (name,)), (deprecate, (name, "etag"))):
        found = refused(act, backend, *arguments)
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        assert found.metadata == {"resource": "event_type"}
    missing = pb.EventType(name="sign_up", etag="etag")
    assert refused(update, backend, missing).code is grpc.StatusCode.NOT_FOUND


def test_a_text_that_cannot_be_kept_is_refused_by_its_field(backend: Caller) -> None:
    for act, arguments in ((get, ("a\0",)), (deprecate, ("a\0", "etag"))):
        found = refused(act, backend, *arguments)
        assert found.code is grpc.StatusCode.INVALID_ARGUMENT
        assert found.violations == {"name": "may not hold the character U+0000"}


def test_another_organisation_sees_and_changes_nothing(
    ingest: Ingest, backend: Caller, globex: Organisation
) -> None:
    made = create(backend)
    neighbour = ingest.caller(globex)
    assert refused(get, neighbour, "signup").message == refused(get, neighbour, "other").message
    assert refused(update, neighbour, made).code is grpc.StatusCode.NOT_FOUND
    assert refused(deprecate, neighbour, "signup", made.etag).code is grpc.StatusCode.NOT_FOUND
    assert [one.name for one in types(neighbour)] == sorted(BUILT_IN)
    assert create(neighbour).name == "signup"
    assert get(backend, "signup") == made


def test_members_read_and_do_not_write(ingest: Ingest, acme: Organisation) -> None:
    mia = ingest.caller(acme, "mia")
    assert len(types(mia)) == len(BUILT_IN)
    assert refused(create, mia).reason == "ROLE_NOT_PERMITTED"
    assert refused(update, mia, get(mia, "login")).reason == "ROLE_NOT_PERMITTED"
    assert refused(deprecate, mia, "login", "etag").reason == "ROLE_NOT_PERMITTED"


def test_scopes_part_reading_from_writing(ingest: Ingest, acme: Organisation) -> None:
    reader = ingest.caller(acme, scopes=["event_types:read"])
    writer = ingest.caller(acme, scopes=["event_types:write"])
    assert create(writer).name == "signup"
    assert get(reader, "signup").name == "signup"
    assert refused(create, reader).metadata == {"scope": "event_types:write"}
    assert refused(get, writer, "signup").metadata == {"scope": "event_types:read"}


def test_pages_follow_each_other_by_name(backend: Caller) -> None:
    own = ["z_last", "a_first", "login_2", "login0"]
    for name in own:
        create(backend, name)
    update(backend, get(backend, "logout"), description="changed")
    expected = sorted([*BUILT_IN, *own])
    for page_size in (1, 7, 0, 1000):
        assert [one.name for one in types(backend, page_size)] == expected


def test_a_page_token_serves_its_own_query_and_organisation(
    ingest: Ingest, backend: Caller, globex: Organisation
) -> None:
    page = backend.call("ListEventTypes", pb.ListEventTypesRequest(page_size=5))
    for caller, token in (
        (ingest.caller(globex), page.next_page_token),
        (backend, f"{page.next_page_token[:-4]}AAAA"),
        (backend, "nonsense"),
    ):
        request = pb.ListEventTypesRequest(page_token=token)
        assert refused(caller.call, "ListEventTypes", request).reason == "INVALID_PAGE_TOKEN"
    negative = refused(backend.call, "ListEventTypes", pb.ListEventTypesRequest(page_size=-1))
    assert list(negative.violations) == ["page_size"]


def test_a_page_of_large_schemas_fits_into_a_message(backend: Caller) -> None:
    for number in range(70):
        create(backend, f"large_{number}", properties_schema=f'{{"title": "{"x" * 65_000}"}}')
    assert len(types(backend, 1000)) == 70 + len(BUILT_IN)


def test_the_thousandth_type_is_the_last(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    ingest.database.execute(
        "INSERT INTO app.event_types (org_id, type_id, name, description, properties_schema,"
        " default_impact, version) SELECT %s, 1000 + n, 'own_' || n, '', '', 1, 1"
        " FROM generate_series(0, 998) AS n",
        acme.org_id,
    )
    assert create(backend, "the_last").name == "the_last"
    found = refused(create, backend, "one_more")
    assert found.code is grpc.StatusCode.FAILED_PRECONDITION
    assert refused(create, backend, "own_5").code is grpc.StatusCode.ALREADY_EXISTS
    assert update(backend, get(backend, "login"), description="still may").description


def test_types_are_numbered_in_turn_whoever_registers_at_the_same_time(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: create(backend, f"own_{number}"), range(24)))
    query = "SELECT type_id FROM app.event_types WHERE org_id = %s ORDER BY type_id"
    numbers = ingest.database.execute(query, acme.org_id)
    assert numbers == [(1000 + number,) for number in range(24)]


def test_a_repeat_gets_the_first_answer_and_does_nothing(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    request_id = str(uuid.uuid4())
    made = create(backend, request_id=request_id)
    assert create(backend, request_id=request_id) == made
    assert create(backend, request_id=request_id.upper()) == made
    update_id = str(uuid.uuid4())
    changed = update(backend, made, request_id=update_id, description="changed")
    assert update(backend, made, request_id=update_id, description="changed") == changed
    assert create(backend, request_id=request_id) == made, "the first answer, not the present"
    assert [action for action, *_ in actions(ingest, acme)] == [
        "event_type.create",
        "event_type.update",
    ]


def test_a_request_id_with_other_content_is_refused(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    request_id = str(uuid.uuid4())
    create(backend, request_id=request_id)
    found = refused(create, backend, "other", request_id=request_id)
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    elsewhere = ingest.caller(acme, "olga")
    assert refused(create, elsewhere, request_id=request_id).reason == "REQUEST_ID_REUSED"
    assert refused(create, backend, request_id="not a uuid").violations.keys() == {"request_id"}


def test_repeats_at_the_same_time_resolve_to_one(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(backend, request_id=request_id), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert len(actions(ingest, acme)) == 1


def test_a_call_that_failed_is_no_answer(backend: Caller) -> None:
    """The retry of what was refused is judged anew."""
    request_id = str(uuid.uuid4())
    made = create(backend, "other")
    stale = pb.EventType(name="signup", etag=made.etag)
    assert refused(update, backend, stale, request_id=request_id).reason == "NOT_FOUND"
    created = create(backend)
    assert update(backend, created, request_id=request_id) != created


def test_every_change_is_in_the_audit_log_and_nothing_else(
    ingest: Ingest, acme: Organisation
) -> None:
    olga = ingest.caller(acme, "olga")
    made = update(olga, create(olga), description="changed")
    deprecate(olga, "signup", made.etag)
    refused(create, olga)
    refused(update, olga, made)
    assert actions(ingest, acme) == [
        (f"event_type.{act}", "signup", "olga", "owner")
        for act in ("create", "update", "deprecate")
    ]


def test_a_change_made_elsewhere_holds_after_five_seconds(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """Another process of the service, as far as this one can tell."""
    create(backend)
    backend.ingest(event("signup"))
    ingest.database.execute(
        "UPDATE app.event_types SET properties_schema = %s, version = version + 1"
        " WHERE org_id = %s",
        AMOUNT,
        acme.org_id,
    )
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        backend.ingest(event("signup"))
        time.sleep(0.2)
    assert reasons(backend, event("signup")) == ["SCHEMA_VIOLATED"]

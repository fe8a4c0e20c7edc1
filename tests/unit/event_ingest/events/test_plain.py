"""What is taken for plain without asking the validator breaks none of its rules."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from buf.validate import validate_pb2
from footfall.events.v1 import event_pb2
from footfall.events.v1.event_ingest_pb2 import IngestEventsRequest
from services.event_ingest.events.wire import from_batch
from shared.identity.identity import Identity, Role
from shared.rpc.validation import Rules

CHECKS = Rules([IngestEventsRequest])
MANY = settings(max_examples=500, deadline=None)
CALLER = Identity(UUID(int=1), "backend", Role.SERVICE)
A_UUID = "01902d5e-7a3b-7C4d-8e9f-a0b1c2d3e4f5"


def around(limit: int) -> st.SearchStrategy[str]:
    """Texts near a limit of characters, of one to four bytes each."""
    lengths = st.sampled_from([0, 1, limit - 1, limit, limit + 1])
    return st.builds(lambda one, length: one * length, st.sampled_from("aé€😀 "), lengths)


IDS = st.one_of(
    st.uuids().map(str),
    st.just(A_UUID),
    st.sampled_from(["", "-", A_UUID + "\n", " " + A_UUID, A_UUID[:-1], A_UUID.replace("-", "")]),
    st.text(alphabet="0123456789abcdefABCDEFg-", min_size=35, max_size=37),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "event_id": IDS,
    "type": around(64),
    "user_id": around(128),
    "session_id": around(128),
    "client_id": around(128),
    "feature": around(128),
    "section": around(128),
    "competency_area": around(64),
    "properties_json": st.one_of(st.just("{}"), around(65_536 // 4), around(65_536)),
    "retention_days": st.sampled_from([-1, 0, 1, 36_500, 36_501, 2**31 - 1, -(2**31)]),
    "context": st.sampled_from([event_pb2.EventContext(), event_pb2.EventContext(ip="nowhere")]),
    "operation": st.just(event_pb2.Operation()),
    "model_request": st.just(event_pb2.ModelRequest()),
}
PLAIN = st.fixed_dictionaries({"type": st.just("login")})
# One field is off at a time more often than several are, or hardly any would be plain.
EVENTS = st.one_of(
    PLAIN,
    *(st.tuples(PLAIN, st.fixed_dictionaries({name: of})) for name, of in FIELDS.items()),
    st.fixed_dictionaries({}, optional=FIELDS),
).map(lambda found: found if isinstance(found, dict) else {**found[0], **found[1]})


class Unasked(Rules):
    """A validator that nobody may need."""

    def by_item(self, message: Message, items: str) -> NoReturn:
        raise AssertionError(f"{items} of {message} are not plain")


@MANY
@given(st.lists(EVENTS, max_size=3))
def test_a_batch_is_told_what_the_validator_tells(batch: list[dict[str, Any]]) -> None:
    request = IngestEventsRequest(events=[event_pb2.Event(**fields) for fields in batch])
    sent = from_batch(request, CHECKS, CALLER)
    broken = CHECKS.by_item(request, "events")
    assert [list(one.violations) for one in sent] == [
        list(broken.get(index, ())) for index in range(len(batch))
    ]


UNASKED = Unasked()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"event_id": A_UUID, "user_id": "u" * 128, "retention_days": 36_500},
        {"session_id": "s", "client_id": "c", "feature": "f", "section": "s"},
        {"properties_json": '{"minutes":3}', "competency_area": "c" * 64},
        {"properties": {"minutes": 3}},
    ],
)
def test_ordinary_events_are_plain(fields: dict[str, Any]) -> None:
    request = IngestEventsRequest(events=[event_pb2.Event(type="login", **fields)])
    [sent] = from_batch(request, UNASKED, CALLER)
    assert not sent.violations


def test_every_rule_of_the_proto_is_known_here() -> None:
    """A new rule of Event needs its look in `from_batch`, and its values above."""
    rules = {
        field.name: MessageToDict(field.GetOptions().Extensions[validate_pb2.field])
        for field in event_pb2.Event.DESCRIPTOR.fields
        if field.GetOptions().HasExtension(validate_pb2.field)
    }
    short, long = {"string": {"maxLen": "64"}}, {"string": {"maxLen": "128"}}
    assert rules == {
        "event_id": {"string": {"uuid": True}, "ignore": "IGNORE_IF_ZERO_VALUE"},
        "type": {"string": {"minLen": "1", "maxLen": "64"}},
        "competency_area": short,
        "properties_json": {"string": {"maxBytes": "65536"}},
        "retention_days": {"int32": {"gte": 0, "lte": 36_500}},
        **dict.fromkeys(("user_id", "session_id", "client_id", "feature", "section"), long),
    }
    assert not event_pb2.Event.DESCRIPTOR.GetOptions().HasExtension(validate_pb2.message)

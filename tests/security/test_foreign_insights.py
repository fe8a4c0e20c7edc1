"""R37 and R39 at insight: another's id is worth as much as one that nobody has.

The fields come from the descriptors: one that is added to the contract is probed without an edit,
or fails here until there is an id for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from footfall.insights.v1 import insight_requests_pb2 as requests
from footfall.insights.v1 import insight_service_pb2, profile_pb2, profile_requests_pb2
from tests.detecting import NOON, STUCK, events, generate, one_of, send
from tests.ingesting import Ingest, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation, add_organisation
from tests.security.known import fold_all

METHODS: Mapping[str, MethodDescriptor] = {
    method.name: method
    for method in insight_service_pb2.DESCRIPTOR.services_by_name["InsightService"].methods
}
STREAMS = {name for name, method in METHODS.items() if method.server_streaming}
PASSING = re.compile(
    r'(etag|resume_token|delivery_id|message_id|action_id): "[^"]*"\s*'
    r"|(as_of|created_at|recorded_at|occurred_at|changed_at) \{[^}]*\}\s*"
)
"""What differs from call to call, whoever calls."""


def is_id(field: FieldDescriptor) -> bool:
    return field.name.endswith(("_id", "_ids"))


def id_fields() -> Iterator[tuple[str, str]]:
    """Every id that a request may carry, of its own or of the message inside."""
    for method in METHODS.values():
        for field in method.input_type.fields:
            if is_id(field):
                yield method.name, field.name
            inner = field.message_type
            if inner is not None and inner.full_name.startswith("footfall."):
                yield from ((method.name, f"{field.name}.{one.name}") for one in inner.fields
                            if is_id(one))  # fmt: skip


FIELDS = sorted(id_fields())


@dataclass(frozen=True)
class Known:
    """Ids that exist, by the name of the field in which they are sent."""

    asker: Asker
    ids: Mapping[str, str]


def unknown_ids() -> dict[str, str]:
    uuids = ("insight_id", "action_id", "request_id")
    texts = ("user_id", "client_id", "client_ids", "session_id")
    return {**{one: str(uuid4()) for one in uuids}, **{one: f"n{uuid4().hex}" for one in texts}}


def request_with(method: str, path: str, value: str) -> Any:
    """A request that is good but for the one id in it."""
    request: Any = GetMessageClass(METHODS[method].input_type)()
    if "as_of" in request.DESCRIPTOR.fields_by_name:
        request.as_of.FromDatetime(NOON)
    if method == "PublishToConcierge":
        request.session_id = "tab"
    elif method == "RecordCustomerAction":
        request.action.kind = profile_pb2.CUSTOMER_ACTION_KIND_CALL
        request.action.user_id = "somebody"
    elif method == "UpdateDetectorSettings":
        request.settings.stuck_count = 6
    elif "insight_id" in request.DESCRIPTOR.fields_by_name:
        request.insight_id = unknown_ids()["insight_id"]
    holder = getattr(request, path.partition(".")[0]) if "." in path else request
    field = path.rpartition(".")[2]
    if field.endswith("_ids"):
        getattr(holder, field).append(value)
    else:
        setattr(holder, field, value)
    return request


def answer(asker: Asker, method: str, request: Message, value: str = "") -> tuple[str, ...]:
    """What the caller is told, without what it said itself and what passes."""
    try:
        told = asker.call(method, request)
        told = next(told) if method in STREAMS else told
    except grpc.RpcError as error:
        found = refusal(error)
        metadata = repr(sorted(found.metadata.items()))
        texts: tuple[str, ...] = (found.code.name, found.reason, found.message, metadata)
    else:
        texts = ("OK", str(told))
    return tuple(PASSING.sub("", one.replace(value, "") if value else one) for one in texts)


@pytest.fixture
async def known(ingest: Ingest, insight: Insight, acme: Organisation) -> Known:
    """An organisation that has something of everything which has an id."""
    who = {"user_id": "zoe-4711", "client_id": "phone-7"}
    send(ingest.caller(acme), events(6, 1, "feature_abandoned", feature="editor", **who))
    await fold_all(acme)
    asker = insight.asker(acme)
    found = one_of(generate(asker), STUCK)
    ids = {**unknown_ids(), **who, "client_ids": who["client_id"]}
    ids |= {"insight_id": found.insight_id, "session_id": "tab-zoe-4711"}
    asker.call(
        "ResolveInsight",
        requests.ResolveInsightRequest(request_id=ids["request_id"], insight_id=found.insight_id),
    )
    record = profile_requests_pb2.RecordCustomerActionRequest()
    record.action.kind = profile_pb2.CUSTOMER_ACTION_KIND_CALL
    record.action.user_id, record.action.client_id = who["user_id"], who["client_id"]
    for action_id in (ids["action_id"], str(uuid4())):
        record.action.action_id = action_id
        asker.call("RecordCustomerAction", record)
    return Known(asker, ids)


def test_every_id_of_the_contract_is_probed(known: Known) -> None:
    assert {path.rpartition(".")[2] for _, path in FIELDS} == set(known.ids)
    assert len(FIELDS) >= 20


def test_another_organisations_id_is_answered_as_one_that_nobody_has(
    ingest: Ingest, insight: Insight, known: Known
) -> None:
    """R37: and what is taken next door is free here."""
    for method, path in FIELDS:
        stranger = insight.asker(add_organisation(ingest.database))
        field, answers = path.rpartition(".")[2], []
        for ids in (known.ids, unknown_ids()):
            value = ids[field]
            answers.append(answer(stranger, method, request_with(method, path, value), value))
        assert answers[0] == answers[1], f"{method}, {path}"


def test_a_token_opens_nothing_but_the_next_page_of_who_got_it(
    insight: Insight, globex: Organisation, known: Known
) -> None:
    """R39: every token at every method that takes one, by the neighbour and by its owner."""
    issued = {}
    for method in ("ListInsights", "ListCustomerActions"):
        first = GetMessageClass(METHODS[method].input_type)(page_size=1)
        issued[method] = known.asker.call(method, first).next_page_token
    watch = GetMessageClass(METHODS["WatchInsights"].input_type)()
    issued["WatchInsights"] = next(known.asker.call("WatchInsights", watch)).resume_token
    assert all(issued.values())
    stranger = insight.asker(globex)
    for of, token in issued.items():
        for method in issued:
            field = "resume_token" if method in STREAMS else "page_token"
            request = GetMessageClass(METHODS[method].input_type)(**{field: token})
            for asker in (stranger, known.asker):
                told = answer(asker, method, request)
                if (asker, method) == (known.asker, of):
                    assert told[0] == "OK"
                else:
                    assert told[:2] == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"), (of, method)


def test_an_etag_of_another_organisation_changes_nothing_of_it(
    insight: Insight, globex: Organisation, known: Known
) -> None:
    """R39. An etag tells states apart and opens no door."""
    get = requests.GetInsightRequest(insight_id=known.ids["insight_id"])
    theirs = known.asker.call("GetInsight", get).insight
    request = requests.DismissInsightRequest(insight_id=theirs.insight_id, etag=theirs.etag)
    told = answer(insight.asker(globex), "DismissInsight", request)
    assert told[:2] == ("NOT_FOUND", "NOT_FOUND")
    assert known.asker.call("GetInsight", get).insight == theirs

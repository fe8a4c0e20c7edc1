"""R37 and R39 at journey: another's client is worth as much as one that nobody has.

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

from footfall.journey.v1 import (
    actions_pb2,
    clients_pb2,
    journey_pb2,
    journey_service_pb2,
    settings_pb2,
    tracking_pb2,
)
from tests.ingesting import Ingest, refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation, add_organisation

METHODS: Mapping[str, MethodDescriptor] = {
    method.name: method
    for method in journey_service_pb2.DESCRIPTOR.services_by_name["JourneyService"].methods
}
NAMES_A_CLIENT = {
    "GetClient", "DeleteClient", "TrackJourneyEvent", "GetClientJourney", "CalculateJourneyScore",
    "GetNextBestAction", "RecordActionOutcome", "PredictStage",
}  # fmt: skip
STREAMS = {name for name, method in METHODS.items() if method.server_streaming}
PASSING = re.compile(
    r'(etag|resume_token|decision_token|outcome_id|event_id): "[^"]*"\s*'
    r"|(as_of|created_at|updated_at|stage_since|changed_at|expires_at) \{[^}]*\}\s*"
    r"|n[0-9a-f]{32}"
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

    caller: Traveller
    ids: Mapping[str, str]


def unknown_ids() -> dict[str, str]:
    text = f"n{uuid4().hex}"
    uuids = {one: str(uuid4()) for one in ("request_id", "event_id")}
    return {**uuids, "client_id": text, "client_ids": text}


def event(**fields: Any) -> journey_pb2.JourneyEvent:
    given = {"event_type": "call", "stage": journey_pb2.STAGE_LEAD, **fields}
    return journey_pb2.JourneyEvent(**given)


def request_with(method: str, path: str, value: str) -> Any:
    """A request that is good but for the one id in it."""
    request: Any = GetMessageClass(METHODS[method].input_type)()
    if "client_id" in request.DESCRIPTOR.fields_by_name:
        request.client_id = unknown_ids()["client_id"]
    if method == "UpsertClient":
        request.client.client_id = unknown_ids()["client_id"]
    elif method == "TrackJourneyEvent":
        request.event.CopyFrom(event(client_id=unknown_ids()["client_id"]))
    elif method == "TrackJourneyEvents":
        request.events.append(event(client_id=unknown_ids()["client_id"]))
    elif method == "RecordActionOutcome":
        request.action = journey_pb2.ACTION_EMAIL_OUTREACH
        request.outcome = actions_pb2.OUTCOME_ACCEPTED
    elif method == "UpdateJourneySettings":
        request.settings.cooldown_days = 7
    holder, field = request, path.rpartition(".")[2]
    if "." in path:
        inner = getattr(request, path.partition(".")[0])
        holder = inner[0] if isinstance(request, tracking_pb2.TrackJourneyEventsRequest) else inner
    if field.endswith("_ids"):
        getattr(holder, field).append(value)
    else:
        setattr(holder, field, value)
    return request


def answer(caller: Traveller, method: str, request: Message, value: str = "") -> tuple[str, ...]:
    """What the caller is told, without what it said itself and what passes."""
    try:
        told = caller.call(method, request)
        told = next(told) if method in STREAMS else told
    except grpc.RpcError as error:
        found = refusal(error)
        metadata = repr(sorted(found.metadata.items()))
        texts: tuple[str, ...] = (found.code.name, found.reason, found.message, metadata)
    else:
        texts = ("OK", str(told))
    return tuple(PASSING.sub("", one.replace(value, "") if value else one) for one in texts)


@pytest.fixture
def known(journey: Journey, acme: Organisation) -> Known:
    """An organisation that has something of everything which has an id."""
    caller, client, request_id = journey.traveller(acme), "phone-7", str(uuid4())
    names = [client, f"n{uuid4().hex}"]
    for number, name in enumerate(names):
        upsert = clients_pb2.UpsertClientRequest(request_id=request_id if not number else "")
        upsert.client.client_id = name
        caller.call("UpsertClient", upsert)
    event_id = str(uuid4())
    for stage in (journey_pb2.STAGE_CHURN_RISK, journey_pb2.STAGE_UPSELL_CANDIDATE):
        for name in names:
            one = event(client_id=name, stage=stage)
            one.event_id = event_id if (name, stage) == (client, 9) else str(uuid4())
            caller.call("TrackJourneyEvent", tracking_pb2.TrackJourneyEventRequest(event=one))
    ids = {"client_id": client, "client_ids": client, "event_id": event_id,
           "request_id": request_id}  # fmt: skip
    return Known(caller, ids)


def test_every_id_of_the_contract_is_probed(known: Known) -> None:
    assert {path.rpartition(".")[2] for _, path in FIELDS} == set(known.ids)
    assert {name for name, path in FIELDS if path.endswith("client_id")} >= NAMES_A_CLIENT
    assert len(FIELDS) >= 15


def test_another_organisations_id_is_answered_as_one_that_nobody_has(
    ingest: Ingest, journey: Journey, known: Known
) -> None:
    """R37: and what is taken next door is free here."""
    for method, path in FIELDS:
        stranger = journey.traveller(add_organisation(ingest.database))
        field, answers = path.rpartition(".")[2], []
        for ids in (known.ids, unknown_ids()):
            value = ids[field]
            answers.append(answer(stranger, method, request_with(method, path, value), value))
        assert answers[0] == answers[1], f"{method}, {path}"
        if field == "client_id" and method in NAMES_A_CLIENT:
            assert answers[0][:2] == ("NOT_FOUND", "NOT_FOUND"), method


def test_a_batch_tells_of_a_foreign_client_as_of_one_that_nobody_has(
    journey: Journey, globex: Organisation, known: Known
) -> None:
    stranger = journey.traveller(globex)
    names = (known.ids["client_id"], unknown_ids()["client_id"])
    requests = [tracking_pb2.TrackJourneyEventsRequest(events=[event(client_id=n)]) for n in names]
    (foreign,), (unknown,) = (stranger.call("TrackJourneyEvents", r).results for r in requests)
    assert foreign.verdict == unknown.verdict == tracking_pb2.EVENT_VERDICT_REJECTED
    assert (foreign.reason, foreign.message) == (unknown.reason, unknown.message)


def test_lists_funnels_and_reports_hold_nothing_of_others(
    journey: Journey, globex: Organisation, known: Known
) -> None:
    """And who upserts the same client_id next door has a client of its own."""
    stranger = journey.traveller(globex)
    asked = ("ListClients", "ListHighRiskClients", "ListUpsellCandidates", "GetStageFunnel",
             "GetActionReport", "GetJourneySettings")  # fmt: skip
    for method in asked:
        request = GetMessageClass(METHODS[method].input_type)()
        assert known.ids["client_id"] not in str(stranger.call(method, request)), method
    assert stranger.call("ListClients", clients_pb2.ListClientsRequest()).clients == []
    upsert = clients_pb2.UpsertClientRequest()
    upsert.client.client_id, upsert.client.name = known.ids["client_id"], "Ours"
    assert stranger.call("UpsertClient", upsert).created
    get = clients_pb2.GetClientRequest(client_id=known.ids["client_id"])
    assert known.caller.call("GetClient", get).client.name == ""
    assert stranger.call("GetClient", get).standing.stage == journey_pb2.STAGE_LEAD


def test_a_token_opens_nothing_but_the_next_page_of_who_got_it(
    journey: Journey, globex: Organisation, known: Known
) -> None:
    """R39: every token at every method that takes one, by the neighbour and by its owner."""
    issued = {}
    back = event(client_id=known.ids["client_id"], stage=journey_pb2.STAGE_CHURN_RISK)
    for one in known.caller.call("ListClients", clients_pb2.ListClientsRequest()).clients:
        back.client_id = one.client_id
        known.caller.call("TrackJourneyEvent", tracking_pb2.TrackJourneyEventRequest(event=back))
    for method in ("ListHighRiskClients", "ListClients", "GetClientJourney"):
        issued[method] = known.caller.call(method, _first(method, known, page_size=1))
    tokens = {method: told.next_page_token for method, told in issued.items()}
    watch = GetMessageClass(METHODS["WatchJourneys"].input_type)()
    tokens["WatchJourneys"] = next(known.caller.call("WatchJourneys", watch)).resume_token
    assert all(tokens.values())
    stranger = journey.traveller(globex)
    for of, token in tokens.items():
        for method in tokens:
            field = "resume_token" if method in STREAMS else "page_token"
            request = _first(method, known, **{field: token})
            for caller in (stranger, known.caller):
                told = answer(caller, method, request)
                if (caller, method) == (known.caller, of):
                    assert told[0] == "OK"
                elif (caller, method) == (stranger, "GetClientJourney"):
                    assert told[0] in {"NOT_FOUND", "INVALID_ARGUMENT"}
                else:
                    assert told[:2] == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN"), (of, method)


def _first(method: str, known: Known, **fields: Any) -> Any:
    if method == "GetClientJourney":
        fields["client_id"] = known.ids["client_id"]
    return GetMessageClass(METHODS[method].input_type)(**fields)


def test_a_decision_counts_for_nobody_else(
    journey: Journey, globex: Organisation, known: Known
) -> None:
    """Neither another organisation nor another client takes up what was decided for one."""
    client_id = known.ids["client_id"]
    asked = actions_pb2.GetNextBestActionRequest(client_id=client_id)
    told = known.caller.call("GetNextBestAction", asked)
    assert told.decision_token
    stranger = journey.traveller(globex)
    upsert = clients_pb2.UpsertClientRequest()
    upsert.client.client_id = client_id
    stranger.call("UpsertClient", upsert)
    listed = known.caller.call("ListClients", clients_pb2.ListClientsRequest()).clients
    other = next(one.client_id for one in listed if one.client_id != client_id)
    for caller, whom in ((stranger, client_id), (known.caller, other)):
        request = actions_pb2.RecordActionOutcomeRequest(
            client_id=whom, action=told.action.action, outcome=actions_pb2.OUTCOME_ACCEPTED,
            decision_token=told.decision_token,
        )  # fmt: skip
        assert answer(caller, "RecordActionOutcome", request)[0] == "INVALID_ARGUMENT"


def test_an_etag_of_another_organisation_changes_nothing_of_it(
    journey: Journey, globex: Organisation, acme: Organisation, known: Known
) -> None:
    """R39. An etag tells states apart and opens no door."""
    get = clients_pb2.GetClientRequest(client_id=known.ids["client_id"])
    theirs = known.caller.call("GetClient", get).client
    delete = clients_pb2.DeleteClientRequest(client_id=theirs.client_id, etag=theirs.etag)
    assert answer(journey.traveller(globex), "DeleteClient", delete)[:2] == ("NOT_FOUND",) * 2
    admin, ours = (journey.traveller(one, "adam") for one in (acme, globex))
    change = settings_pb2.UpdateJourneySettingsRequest()
    change.settings.cooldown_days = 3
    change.settings.etag = admin.call(
        "GetJourneySettings", settings_pb2.GetJourneySettingsRequest()
    ).settings.etag
    admin.call("UpdateJourneySettings", change)
    current = ours.call("GetJourneySettings", settings_pb2.GetJourneySettingsRequest()).settings
    assert (current.version, current.cooldown_days) == (0, 14)
    assert known.caller.call("GetClient", get).client == theirs

"""Clients and their journeys through the public contract: written, read, refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import clients_pb2, journey_pb2, tracking_pb2
from tests.ingesting import Refused, refusal
from tests.journeying import Traveller

Event = journey_pb2.JourneyEvent


def upsert(
    caller: Traveller, client_id: str = "nils", request_id: str = "", **client: Any
) -> clients_pb2.UpsertClientResponse:
    """The answer to a client that is made or replaced."""
    wanted = clients_pb2.Client(client_id=client_id, **client)
    request = clients_pb2.UpsertClientRequest(request_id=request_id, client=wanted)
    answer: clients_pb2.UpsertClientResponse = caller.call("UpsertClient", request)
    return answer


def get(caller: Traveller, client_id: str = "nils") -> clients_pb2.GetClientResponse:
    """A client, and where it stands."""
    request = clients_pb2.GetClientRequest(client_id=client_id)
    answer: clients_pb2.GetClientResponse = caller.call("GetClient", request)
    return answer


def listed(caller: Traveller, size: int = 0, **where: Any) -> list[clients_pb2.Client]:
    """All clients of a list, page by page."""
    found: list[clients_pb2.Client] = []
    token = ""
    while True:
        request = clients_pb2.ListClientsRequest(page_size=size, page_token=token, **where)
        page = caller.call("ListClients", request)
        assert len(page.clients) <= (size or 50)
        found += page.clients
        token = page.next_page_token
        if not token:
            return found


def delete(caller: Traveller, client_id: str = "nils", **fields: str) -> int:
    """How many events went with the client."""
    request = clients_pb2.DeleteClientRequest(client_id=client_id, **fields)
    deleted: int = caller.call("DeleteClient", request).deleted_events
    return deleted


def track_one(caller: Traveller, event: Event) -> tracking_pb2.TrackJourneyEventResponse:
    """What became of a single event."""
    request = tracking_pb2.TrackJourneyEventRequest(event=event)
    answer: tracking_pb2.TrackJourneyEventResponse = caller.call("TrackJourneyEvent", request)
    return answer


def results(caller: Traveller, *events: Event) -> list[tracking_pb2.EventResult]:
    """What became of each event of a batch; the counts agree with it."""
    request = tracking_pb2.TrackJourneyEventsRequest(events=events)
    answer = caller.call("TrackJourneyEvents", request)
    told = [name(one) for one in answer.results]
    counts = (answer.accepted, answer.duplicate, answer.conflict, answer.rejected)
    assert counts == tuple(
        told.count(one) for one in ("ACCEPTED", "DUPLICATE", "CONFLICT", "REJECTED")
    )
    assert sum(counts) == len(events)
    return list(answer.results)


def verdicts(caller: Traveller, *events: Event) -> list[str]:
    """The verdicts on a batch, in their order."""
    return [name(one) for one in results(caller, *events)]


def name(
    told: tracking_pb2.EventResult | tracking_pb2.TrackJourneyEventResponse,
) -> str:
    """A verdict without its prefix."""
    return tracking_pb2.EventVerdict.Name(told.verdict).removeprefix("EVENT_VERDICT_")


def journey_of(
    caller: Traveller, client_id: str = "nils", as_of: Timestamp | None = None, size: int = 0
) -> tracking_pb2.GetClientJourneyResponse:
    """A journey with all its events, page by page."""
    request = tracking_pb2.GetClientJourneyRequest(client_id=client_id, as_of=as_of, page_size=size)
    whole: tracking_pb2.GetClientJourneyResponse = caller.call("GetClientJourney", request)
    assert len(whole.events) <= (size or 50)
    token = whole.next_page_token
    while token:
        request.page_token = token
        page = caller.call("GetClientJourney", request)
        assert page.as_of == whole.as_of
        assert len(page.events) <= (size or 50)
        whole.events.extend(page.events)
        token = page.next_page_token
    return whole


def told(journey: tracking_pb2.GetClientJourneyResponse) -> list[str]:
    """The ids of its events, in their order."""
    return [one.event.event_id for one in journey.events]


def path(journey: tracking_pb2.GetClientJourneyResponse) -> list[int]:
    """The stages of its visits, in their order."""
    return [one.stage for one in journey.stages]


def calculated(
    caller: Traveller, client_id: str = "nils"
) -> tracking_pb2.CalculateJourneyScoreResponse:
    """The score, derived anew and kept."""
    request = tracking_pb2.CalculateJourneyScoreRequest(client_id=client_id)
    score: tracking_pb2.CalculateJourneyScoreResponse = caller.call(
        "CalculateJourneyScore", request
    )
    return score


def risks(found: Iterable[journey_pb2.RiskFinding]) -> list[int]:
    """Which risks hold."""
    return [one.risk for one in found]


def refused(act: Any, *arguments: Any, **fields: Any) -> Refused:
    """How the call fails, as it must."""
    with pytest.raises(grpc.RpcError) as failure:
        act(*arguments, **fields)
    return refusal(failure.value)

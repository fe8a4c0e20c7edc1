"""Clients between the wire and values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from footfall.journey.v1 import clients_pb2 as pb
from services.journey.clients.rules import Client, Page, Profile, Wanted, Where
from services.journey.journeys.rules.journey import Standpoint
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.vocabulary import Stage
from services.journey.journeys.wire import to_timestamp
from services.journey.standings.rules import Listed
from services.journey.standings.wire import to_client_standing
from shared.errors import InvalidField

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise


def from_client(sent: pb.Client) -> Wanted:
    """The client as it is to be; times that were read come back and say nothing."""
    _check_zone(sent.time_zone)
    profile = Profile(
        name=sent.name,
        email=sent.email,
        ai_score=sent.ai_score + 0.0 if sent.HasField("ai_score") else None,  # -0.0 is 0
        status=sent.status,
        owner=sent.owner,
        tags=list(sent.tags),
        time_zone=sent.time_zone,
        do_not_contact=sent.do_not_contact,
        segment=sent.segment,
    )
    return Wanted(sent.client_id, profile, sent.etag)


def from_list_clients(request: pb.ListClientsRequest) -> Where:
    """Which clients are asked for."""
    return Where([Stage(stage) for stage in request.stages], request.owner, request.tag)


def from_cursor(position: Sequence[str] | None) -> str:
    """The client after whom a list goes on; empty at its beginning."""
    return position[0] if position else ""


def to_client(client: Client, org_id: UUID) -> pb.Client:
    """A client as it is shown."""
    return pb.Client(
        client_id=client.client_id,
        etag=client.etag(org_id),
        created_at=to_timestamp(to_micros(client.created_at)),
        updated_at=to_timestamp(to_micros(client.updated_at)),
        **client.profile._asdict(),
    )


def to_get_client(client: Client, here: Standpoint, org_id: UUID) -> pb.GetClientResponse:
    """A client, and where it stands."""
    state, last_at = here.state, here.state.last_event_at
    standing = Listed(
        client_id=client.client_id,
        name=client.profile.name,
        stage=state.stage,
        stage_since=from_micros(state.stage_since),
        score=state.score,
        level=state.level,
        findings=state.findings,
        last_event_at=None if last_at is None else from_micros(last_at),
        as_of=from_micros(state.as_of),
    )
    return pb.GetClientResponse(
        client=to_client(client, org_id), standing=to_client_standing(standing)
    )


def to_list_clients(page: Page, org_id: UUID) -> tuple[pb.ListClientsResponse, list[str] | None]:
    """A page of clients, and where the next one goes on, if there is one."""
    shown: list[pb.Client] = []
    room = _MESSAGE_BYTES
    for client in page.clients:
        one = to_client(client, org_id)
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    response = pb.ListClientsResponse(clients=shown)
    if len(shown) == len(page.clients) and not page.more:
        return response, None
    return response, [shown[-1].client_id]


def _check_zone(name: str) -> None:
    if name and name not in _zones():
        told = "is no time zone; names look like America/New_York or UTC"
        raise InvalidField.of("client.time_zone", told)


@cache
def _zones() -> set[str]:
    """Names that mean the same everywhere: not that of the zone in which this machine stands."""
    return available_timezones() - {"localtime"}

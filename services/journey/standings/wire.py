"""Clients as they stand, on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import clients_pb2 as pb
from footfall.journey.v1 import journey_pb2
from services.journey.journeys.rules.vocabulary import SECOND, Finding, Micros, RiskLevel
from services.journey.standings.rules import Cursor, Listed, Page, Where

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise

Position = tuple[int, float, str]


def from_list_high_risk_clients(request: pb.ListHighRiskClientsRequest) -> Where:
    """Who is asked for."""
    return Where(RiskLevel(request.min_risk_level or RiskLevel.HIGH), owner=request.owner)


def from_cursor(position: Sequence[Any] | None) -> Cursor | None:
    """The place inside a page token."""
    if position is None:
        return None
    level, score, client_id = position
    return Cursor(RiskLevel(level), score, client_id)


def to_list_high_risk_clients(
    page: Page,
) -> tuple[pb.ListHighRiskClientsResponse, Position | None]:
    """A page, and where the next one goes on, if there is one."""
    shown, last = _page(page)
    return pb.ListHighRiskClientsResponse(clients=shown), last


def to_list_upsell_candidates(
    page: Page,
) -> tuple[pb.ListUpsellCandidatesResponse, Position | None]:
    """A page, and where the next one goes on, if there is one."""
    shown, last = _page(page)
    return pb.ListUpsellCandidatesResponse(clients=shown), last


def _page(page: Page) -> tuple[list[pb.ClientStanding], Position | None]:
    shown, all_fit = to_fitting(page.clients)
    if all_fit and not page.more:
        return shown, None
    last = page.clients[len(shown) - 1]
    return shown, (last.level.value, last.score, last.client_id)


def to_fitting(clients: Iterable[Listed]) -> tuple[list[pb.ClientStanding], bool]:
    """The first clients as they are shown, as many as a message takes; whether that was all."""
    shown: list[pb.ClientStanding] = []
    room = _MESSAGE_BYTES
    for client in clients:
        one = to_client_standing(client)
        room -= one.ByteSize()
        if shown and room < 0:
            return shown, False
        shown.append(one)
    return shown, True


def to_client_standing(client: Listed) -> pb.ClientStanding:
    """Where a client stands, as it is shown."""
    return pb.ClientStanding(
        client_id=client.client_id,
        name=client.name,
        stage=cast("journey_pb2.Stage.ValueType", client.stage.value),
        stage_since=_timestamp(client.stage_since),
        score=client.score,
        risk_level=cast("journey_pb2.RiskLevel.ValueType", client.level.value),
        risks=map(to_risk_finding, client.findings),
        last_event_at=_timestamp(client.last_event_at) if client.last_event_at else None,
        as_of=_timestamp(client.as_of),
    )


def to_risk_finding(finding: Finding) -> journey_pb2.RiskFinding:
    """A risk that holds, as it is shown."""
    return journey_pb2.RiskFinding(
        risk=cast("journey_pb2.Risk.ValueType", finding.risk.value),
        evidence=finding.evidence,
        numbers=finding.numbers,
        since=None if finding.since is None else _from_micros(finding.since),
        clears_when=finding.clears_when,
    )


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _from_micros(moment: Micros) -> Timestamp:
    seconds, micros = divmod(moment, SECOND)
    return Timestamp(seconds=seconds, nanos=micros * 1000)

"""Clients with a past, made and moved through the public contract."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import clients_pb2, journey_pb2, tracking_pb2
from tests.ingesting import new_id
from tests.journeying import Traveller

DAY = 86_400.0

LEAD, ONBOARDING, ACTIVE_PROJECT, BILLING = 1, 3, 4, 6
RETENTION, UPSELL_CANDIDATE, CHURN_RISK = 7, 8, 9
LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4
LOW_ENGAGEMENT, LATE_INVOICES, SLOW_PROJECT, SENTIMENT, LOW_USAGE, TICKETS = 1, 2, 3, 4, 5, 6


def make(caller: Traveller, *client_ids: str, **client: Any) -> None:
    """Make these clients known, all alike."""
    for client_id in client_ids:
        wanted = clients_pb2.Client(client_id=client_id, **{"name": client_id.title(), **client})
        caller.call("UpsertClient", clients_pb2.UpsertClientRequest(client=wanted))


def happening(
    client_id: str, event_type: str, days_ago: float, stage: int = 0, **metadata: Any
) -> journey_pb2.JourneyEvent:
    """Something that happened to a client."""
    moment = Timestamp()
    moment.FromMicroseconds(int((time.time() - days_ago * DAY) * 1_000_000))
    event = journey_pb2.JourneyEvent(
        event_id=new_id(),
        client_id=client_id,
        event_type=event_type,
        stage=stage,  # type: ignore[arg-type]
        occurred_at=moment,
    )
    event.metadata.update(metadata)
    return event


def track(caller: Traveller, *events: journey_pb2.JourneyEvent) -> None:
    """Store all of these in one call; each must be accepted."""
    request = tracking_pb2.TrackJourneyEventsRequest(events=events)
    answer = caller.call("TrackJourneyEvents", request)
    assert answer.accepted == len(events), answer


def moved(caller: Traveller, client_id: str, stage: int, days_ago: float = 1.0) -> None:
    """The client came into a stage."""
    track(caller, happening(client_id, "moved", days_ago, stage))


def troubles(client_id: str, risks: int, stage: int = LEAD) -> list[journey_pb2.JourneyEvent]:
    """What gives a client so many risks, up to four, and puts it into a stage long ago."""
    told = [happening(client_id, "called", 40, stage)]
    if risks > 1:
        told.append(happening(client_id, "invoice_overdue", 39, invoice_id="i1"))
    if risks > 2:
        told += [
            happening(client_id, "wrote", day, stage, sentiment="negative") for day in (38, 37)
        ]
    if risks > 3:
        told += [
            happening(client_id, "support_ticket_opened", 36, ticket_id=f"t{number}")
            for number in range(3)
        ]
    return told


def relieved(client_id: str) -> list[journey_pb2.JourneyEvent]:
    """What frees a client of low engagement and of a late invoice."""
    paid = happening(client_id, "invoice_paid", 2, invoice_id="i1")
    return [paid, *(happening(client_id, "called", 1, LEAD) for _ in range(2))]

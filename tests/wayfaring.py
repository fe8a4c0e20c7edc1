"""Journeys at times that never change, told through the public contract or derived by hand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from footfall.journey.v1 import journey_pb2, tracking_pb2
from services.journey.journeys.rules.vocabulary import Stage
from tests.journeying import Traveller
from tests.travels import make

MONDAY = datetime(2025, 3, 3, tzinfo=UTC)
_BATCH = 1000


class Came(NamedTuple):
    """An event that may put a client into a stage."""

    at: datetime
    event_id: UUID
    stage: Stage | None


Journeys = Mapping[str, Sequence[Came]]


@dataclass(frozen=True)
class Stay:
    """A time in one stage as of some time."""

    stage: Stage
    since: datetime
    until: datetime | None
    after: Stage | None


def day(number: float) -> datetime:
    """So many days after the Monday on which all begins."""
    return MONDAY + timedelta(days=number)


def way(*moves: tuple[float, Stage]) -> list[Came]:
    """A journey by its days and stages."""
    chance = random.Random(repr(moves))
    return [Came(day(when), _new_id(chance), stage) for when, stage in moves]


def alike(prefix: str, number: int, *moves: tuple[float, Stage]) -> dict[str, list[Came]]:
    """The same journey of so many clients."""
    chance = random.Random(prefix)
    return {
        f"{prefix}{one}": [Came(day(when), _new_id(chance), stage) for when, stage in moves]
        for one in range(number)
    }


def at_random(seed: int, clients: int) -> dict[str, list[Came]]:
    """Journeys with all that may happen: moves back, none, two at one time, late tellings."""
    chance = random.Random(seed)
    stages = [*Stage, None, Stage.LEAD, Stage.CHURN_RISK]
    return {
        f"client-{one}": [
            Came(day(2.5 * chance.randrange(24)), _new_id(chance), chance.choice(stages))
            for _ in range(chance.randrange(12))
        ]
        for one in range(clients)
    }


def tell(caller: Traveller, journeys: Journeys, **client: Any) -> None:
    """Make these clients known, and all that happened to them."""
    make(caller, *journeys, **client)
    events = list(_events(journeys))
    for first in range(0, len(events), _BATCH):
        some = events[first : first + _BATCH]
        request = tracking_pb2.TrackJourneyEventsRequest(events=some)
        assert caller.call("TrackJourneyEvents", request).accepted == len(some)


def stays(journey: Sequence[Came], as_of: datetime) -> list[Stay]:
    """The visits that a journey makes, from its events alone."""
    found: list[Stay] = []
    for came in sorted(journey, key=lambda one: (one.at, str(one.event_id))):
        if came.at > as_of or came.stage is None or (found and found[-1].stage is came.stage):
            continue
        if found:
            found[-1] = Stay(found[-1].stage, found[-1].since, came.at, came.stage)
        found.append(Stay(came.stage, came.at, None, None))
    return found


def _events(journeys: Journeys) -> Iterator[journey_pb2.JourneyEvent]:
    for client_id, journey in journeys.items():
        for came in journey:
            event = journey_pb2.JourneyEvent(
                event_id=str(came.event_id),
                client_id=client_id,
                # An event without a stage must mean something by itself.
                event_type="milestone_reached" if came.stage is None else "moved",
                stage=came.stage or 0,  # type: ignore[arg-type]
            )
            event.occurred_at.FromDatetime(came.at)
            yield event


def _new_id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)

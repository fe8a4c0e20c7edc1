"""Ingested events come into journeys: as they arrive, and when their client is made known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from footfall.events.v1 import event_pb2
from footfall.journey.v1 import clients_pb2, journey_pb2, tracking_pb2
from services.journey.refreshing import queries
from services.journey.refreshing.usecases import Adoption, Follower, adopting, following
from shared.database import Database
from tests.ingesting import at, event, running_ingest
from tests.integration.journey.conftest import HeldClock
from tests.journeying import Traveller, running_journey_worker
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.travels import SENTIMENT, TICKETS, happening, make, track

Send = Callable[..., None]
_VISIBLE = "SELECT coalesce(max(position), 0) < app.log_horizon() FROM app.event_log"

INGESTED = journey_pb2.EVENT_SOURCE_INGESTED


@pytest.fixture
def send(database: MigratedDatabase, organisation: Organisation) -> Iterator[Send]:
    """Ingests events, which whoever follows the log can see then."""
    with running_ingest(database) as ingest:
        backend = ingest.caller(organisation)

        def send(*events: event_pb2.Event) -> None:
            assert backend.verdicts(*events) == ["ACCEPTED"] * len(events)
            deadline = time.monotonic() + 30
            while not database.execute(_VISIBLE)[0][0]:
                assert time.monotonic() < deadline, "a transaction does not end"
                time.sleep(0.01)

        yield send


@pytest.fixture
def follower(worker: Database, across: Database, clock: HeldClock) -> Follower:
    return Follower(worker, across, clock)


@pytest.fixture
def adoption(worker: Database, across: Database, clock: HeldClock) -> Adoption:
    return Adoption(worker, across, clock)


def sentiment(client_id: str, **properties: Any) -> event_pb2.Event:
    return told("sentiment", client_id, **(properties or {"sentiment": "negative"}))


def ticket(client_id: str, ticket_id: str, **properties: Any) -> event_pb2.Event:
    return told("support_ticket", client_id, ticket_id=ticket_id, **properties)


def told(kind: str, client_id: str, **properties: Any) -> event_pb2.Event:
    one = event(kind, client_id=client_id, occurred_at=at(60))
    one.properties.update(properties)
    return one


async def follow(follower: Follower) -> int:
    """Until nothing is left; how many events were stored."""
    events = 0
    while (followed := await follower.follow()).pieces:
        events += followed.events
    return events


async def adopt(adoption: Adoption) -> int:
    """Until nothing is left; of how many clients."""
    clients = 0
    while (adopted := await adoption.adopt()).going_on:
        clients += adopted.clients
    return clients


def journey_of(caller: Traveller, client_id: str) -> Any:
    request = tracking_pb2.GetClientJourneyRequest(client_id=client_id, page_size=1000)
    return caller.call("GetClientJourney", request)


def risks(caller: Traveller, client_id: str) -> set[int]:
    return {one.risk for one in journey_of(caller, client_id).score_details.risks}


async def test_ingested_sentiment_and_tickets_count_in_the_journey(
    caller: Traveller, send: Send, follower: Follower
) -> None:
    make(caller, "mia")
    track(caller, *(happening("mia", "called", 1, 3) for _ in range(3)))
    events = [
        sentiment("mia"),
        sentiment("mia", score=-0.4),
        ticket("mia", "t1"),
        ticket("mia", "t2", status="opened"),
        ticket("mia", "t3", action="opened"),
    ]
    send(*events, sentiment("nobody"), told("feature_used", "mia"))
    assert await follow(follower) == 5
    journey = journey_of(caller, "mia")
    ingested = {one.event.event_id: one for one in journey.events if one.source == INGESTED}
    assert ingested.keys() == {one.event_id for one in events}
    assert {SENTIMENT, TICKETS} == risks(caller, "mia")
    assert journey.current_stage == 3
    first = ingested[events[0].event_id].event
    assert (first.client_id, first.event_type) == ("mia", "sentiment")
    assert dict(first.metadata) == {"sentiment": "negative"}
    assert first.occurred_at == events[0].occurred_at
    send(ticket("mia", "t1", status="closed"), sentiment("mia", label="Positive"))
    assert await follow(follower) == 2
    opened = [one for one in journey_of(caller, "mia").score_details.risks if one.risk == TICKETS]
    assert "3" in opened[0].evidence, "opened in the last 14 days counts, closed or not"


async def test_following_again_changes_nothing(
    *,
    caller: Traveller,
    send: Send,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
) -> None:
    make(caller, "mia")
    send(sentiment("mia"), ticket("mia", "t1"))
    assert await follow(Follower(worker, across, clock)) == 2
    before = journey_of(caller, "mia").events
    organisation.database.execute("UPDATE app.journey_cursors SET position = 0")
    assert await follow(Follower(worker, across, clock)) == 0
    assert journey_of(caller, "mia").events == before


async def test_a_worker_that_dies_has_stored_all_of_a_piece_or_nothing(
    *,
    caller: Traveller,
    send: Send,
    worker: Database,
    across: Database,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(caller, "mia")
    send(sentiment("mia"))
    with monkeypatch.context() as dying:
        dying.setattr(queries, "upsert_position", _die)
        with pytest.raises(asyncio.CancelledError):
            await Follower(worker, across, clock).follow()
    assert not journey_of(caller, "mia").events
    assert await follow(Follower(worker, across, clock)) == 1


async def _die(*_: object) -> None:
    raise asyncio.CancelledError


async def test_workers_follow_at_once_and_store_each_event_once(
    *,
    caller: Traveller,
    send: Send,
    worker: Database,
    across: Database,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "_LOG_ROWS", 3)
    make(caller, "mia", "milo")
    for number in range(12):
        send(sentiment("mia"), ticket("milo", f"t{number}"))
    workers = [Follower(worker, across, clock) for _ in range(3)]
    counts = await asyncio.gather(*map(follow, workers))
    assert sum(counts) + await follow(workers[0]) == 24
    assert len(journey_of(caller, "mia").events) == len(journey_of(caller, "milo").events) == 12


async def test_what_does_not_matter_is_passed_and_not_read_again(
    *,
    caller: Traveller,
    send: Send,
    follower: Follower,
    clock: HeldClock,
    organisation: Organisation,
) -> None:
    make(caller, "mia")
    send(sentiment("mia"))
    await follow(follower)
    last = "SELECT max(position) FROM app.event_log"
    cursor = "SELECT max(position) FROM app.journey_cursors"
    assert organisation.database.execute(cursor) == organisation.database.execute(last)
    send(told("feature_used", "mia"))
    assert await follow(follower) == 0
    assert organisation.database.execute(cursor) != organisation.database.execute(last)
    clock.passes(seconds=61)
    assert await follow(follower) == 0
    assert organisation.database.execute(cursor) == organisation.database.execute(last)
    send(sentiment("mia"))
    assert await follow(follower) == 1


async def test_a_client_made_known_later_gets_what_was_ingested_before(
    *,
    caller: Traveller,
    send: Send,
    follower: Follower,
    adoption: Adoption,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adopting, "_EVENTS", 3)
    monkeypatch.setattr(adopting, "_CLIENTS", 2)
    names = ["ada", "bea", "mia", "zoe"]
    events = [
        one
        for name in ("ada", "mia")
        for one in (sentiment(name), sentiment(name), *(ticket(name, f"t{n}") for n in range(3)))
    ]
    send(*events, sentiment("nobody"), told("page_view", "bea"))
    assert await follow(follower) == 0
    make(caller, *names)
    assert await adopt(adoption) == 4
    for name, count in {"ada": 5, "bea": 0, "mia": 5, "zoe": 0}.items():
        assert len(journey_of(caller, name).events) == count, name
    assert risks(caller, "ada") == {SENTIMENT, TICKETS}
    assert await adopt(adoption) == 0
    send(sentiment("zoe"))
    assert await follow(follower) == 1


async def test_a_worker_that_dies_while_it_adopts_leaves_it_to_others(
    *,
    caller: Traveller,
    send: Send,
    worker: Database,
    across: Database,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(*(sentiment("mia") for _ in range(5)))
    make(caller, "mia")
    with monkeypatch.context() as dying:
        dying.setattr(adopting, "_EVENTS", 2)
        dying.setattr(adopting, "update_adopted", _die)
        with pytest.raises(asyncio.CancelledError):
            await adopt(Adoption(worker, across, clock))
    assert len(journey_of(caller, "mia").events) == 4
    both = [Adoption(worker, across, clock) for _ in range(2)]
    await asyncio.gather(*map(adopt, both))
    assert len(journey_of(caller, "mia").events) == 5


async def test_events_that_happened_elsewhere_stay_there(
    neighbour: Traveller, send: Send, follower: Follower, adoption: Adoption
) -> None:
    send(sentiment("mia"))
    make(neighbour, "mia")
    assert await adopt(adoption) == 1
    assert await follow(follower) == 0
    assert not journey_of(neighbour, "mia").events


async def test_the_worker_does_all_of_it(
    caller: Traveller, send: Send, database: MigratedDatabase
) -> None:
    send(sentiment("mia"), sentiment("mia"))
    make(caller, "mia", "milo")
    async with running_journey_worker(database):
        await until(lambda: SENTIMENT in risks(caller, "mia"))
        send(*(ticket("milo", f"t{number}") for number in range(3)))
        await until(lambda: TICKETS in risks(caller, "milo"))
        request = clients_pb2.GetClientRequest(client_id="milo")
        assert caller.call("GetClient", request).standing.risks


async def until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.05)

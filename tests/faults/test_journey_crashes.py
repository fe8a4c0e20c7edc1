"""What journey acknowledged survives the death of the service and of Postgres, exactly once.

And so does what follows from it: after each death facts and visits are those of the stored events.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from uuid import UUID

import grpc

from footfall.journey.v1 import tracking_pb2 as pb
from services.journey.journeys.rules.facts import derive
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.stored import from_facts
from services.journey.journeys.rules.visits import visits
from services.journey.journeys.rules.vocabulary import Happening, Stage
from shared.embedded import EmbeddedPostgres
from tests.ingesting import refusal
from tests.journeying import Journey, Traveller, running_journey
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase, Template, cluster
from tests.tracking import Event, track_one, verdicts
from tests.travels import happening, make

_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}

CLIENTS = [f"c{number}" for number in range(6)]


class Trackers:
    """Backends that track batches and single events, late ones too, until told to stop."""

    def __init__(self, journey: Journey, organisation: Organisation, count: int = 4) -> None:
        self.ok: set[str] = set()
        self.unknown: dict[str, Event] = {}
        self.strange: list[grpc.RpcError] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._track, args=(journey.traveller(organisation), number))
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _track(self, caller: Traveller, number: int) -> None:
        chance = random.Random(number)
        while not self._stop.is_set():
            sent = [_anything(chance) for _ in range(30 if number % 2 else 1)]
            with self._lock:
                self.unknown |= {one.event_id: one for one in sent}
            while not self._stop.is_set() and not self._sent(caller, sent):
                self._stop.wait(chance.uniform(0.01, 0.05))

    def _sent(self, caller: Traveller, events: list[Event]) -> bool:
        """Whether they are acknowledged; if not, they are sent again."""
        try:
            if len(events) > 1:
                request = pb.TrackJourneyEventsRequest(events=events)
                answer = caller.call("TrackJourneyEvents", request, timeout=5)
                assert answer.accepted + answer.duplicate == len(events)
            else:
                single = pb.TrackJourneyEventRequest(event=events[0])
                caller.call("TrackJourneyEvent", single, timeout=5)
        except grpc.RpcError as error:
            with self._lock:
                if error.code() not in _AWAY:
                    self.strange.append(error)
            return False
        with self._lock:
            for one in events:
                self.ok.add(one.event_id)
                del self.unknown[one.event_id]
        return True


def _anything(chance: random.Random) -> Event:
    kind, invoice = chance.choice(["moved", "invoice_overdue", "invoice_paid"]), chance.choice("ab")
    days_ago, stage = chance.choice([0, chance.uniform(0, 9)]), chance.randint(1, 9)
    return happening(chance.choice(CLIENTS), kind, days_ago, stage, invoice_id=invoice)


def assert_nothing_is_wrong(organisation: Organisation, trackers: Trackers) -> None:
    assert trackers.ok, "nothing was tracked"
    assert not [refusal(one) for one in trackers.strange]
    journeys = stored(organisation)
    ids = [str(one.event_id) for events in journeys.values() for one in events]
    assert len(ids) == len(set(ids))
    assert not trackers.ok - set(ids), "acknowledged and lost"
    assert not set(ids) - trackers.ok - trackers.unknown.keys(), "there, and nobody sent it"
    assert_all_is_derived(organisation, journeys)


def stored(organisation: Organisation) -> dict[str, list[Happening]]:
    """The events of each client."""
    rows = organisation.database.execute(
        "SELECT client_id, event_id, occurred_at, event_type, stage, metadata"
        " FROM app.journey_events WHERE org_id = %s",
        organisation.org_id,
    )
    found: defaultdict[str, list[Happening]] = defaultdict(list)
    for client_id, event_id, occurred_at, kind, stage, metadata in rows:
        happened = Happening(event_id, to_micros(occurred_at), kind, Stage(stage), metadata)
        found[client_id].append(happened)
    return found


def assert_all_is_derived(organisation: Organisation, journeys: dict[str, list[Happening]]) -> None:
    """As if nobody had ever died."""
    facts = organisation.database.execute(
        "SELECT client_id, facts FROM app.client_states WHERE org_id = %s", organisation.org_id
    )
    assert {client_id for client_id, _ in facts} == set(CLIENTS)
    for client_id, kept in facts:
        assert from_facts(kept) == (derive(journeys.get(client_id, [])), None)
    been = organisation.database.execute(
        "SELECT client_id, entered_at, event_id, stage, left_at FROM app.stage_visits"
        " WHERE org_id = %s",
        organisation.org_id,
    )
    assert {(*one[:2], UUID(str(one[2])), *one[3:]) for one in _micros(been)} == {
        (client_id, one.entered_at, one.event_id, one.stage, one.left_at)
        for client_id, events in journeys.items()
        for one in visits(events)
    }


def _micros(rows: list[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    for client_id, entered_at, event_id, stage, left_at in rows:
        yield (
            client_id,
            to_micros(entered_at),  # type: ignore[arg-type]
            event_id,
            stage,
            None if left_at is None else to_micros(left_at),  # type: ignore[arg-type]
        )


def assert_retries_settle_all_doubt(caller: Traveller, trackers: Trackers) -> None:
    """What is still of unknown fate is sent again: stored then at the latest, and never twice."""
    if trackers.unknown:
        told = verdicts(caller, *trackers.unknown.values())
        assert set(told) <= {"ACCEPTED", "DUPLICATE"}
    trackers.ok |= trackers.unknown.keys()


@contextmanager
def a_cluster() -> Iterator[tuple[EmbeddedPostgres, MigratedDatabase]]:
    """Of the test's own: it will be killed."""
    with cluster() as postgres, Template(postgres).clone() as database:
        yield postgres, database


def kill_all_of_postgres(postgres: EmbeddedPostgres) -> None:
    """The postmaster and its children, as a machine's death would end them."""
    assert postgres.pid is not None
    children = Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    for pid in (postgres.pid, *map(int, children)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_for_an_acknowledgement(caller: Traveller) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            track_one(caller, happening("prober", "moved", 1, 1))
        except grpc.RpcError:
            assert time.monotonic() < deadline, "no acknowledgement within 30 seconds"
            time.sleep(0.02)
        else:
            return


def test_killing_the_service_loses_and_doubles_nothing(template: Template, cycles: int) -> None:
    with template.clone() as database, running_journey(database) as journey:
        acme = add_organisation(database)
        make(journey.traveller(acme), *CLIENTS)
        with Trackers(journey, acme) as trackers:
            for _ in range(cycles):
                time.sleep(random.uniform(0.2, 0.6))
                journey.stop(signal.SIGKILL)
                journey.start()
            time.sleep(0.3)
        assert_nothing_is_wrong(acme, trackers)
        assert_retries_settle_all_doubt(journey.traveller(acme), trackers)
        assert_nothing_is_wrong(acme, trackers)


def test_killing_postgres_loses_and_doubles_nothing(cycles: int) -> None:
    """The service stays up, and heals by itself."""
    with a_cluster() as (postgres, database), running_journey(database) as journey:
        acme, prober = add_organisation(database), add_organisation(database)
        make(journey.traveller(acme), *CLIENTS)
        make(journey.traveller(prober), "prober")
        with Trackers(journey, acme) as trackers:
            for _ in range(cycles):
                time.sleep(random.uniform(0.2, 0.6))
                kill_all_of_postgres(postgres)
                asyncio.run(postgres.restart())
                wait_for_an_acknowledgement(journey.traveller(prober))
        assert journey.process.poll() is None
        assert_nothing_is_wrong(acme, trackers)
        assert_retries_settle_all_doubt(journey.traveller(acme), trackers)
        assert_nothing_is_wrong(acme, trackers)

"""TrackJourneyEvents by many at once: no deadlock, and nothing twice."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.ingesting import new_id, refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.tracking import Event, delete, upsert, verdicts
from tests.travels import LEAD, ONBOARDING, happening, make


@pytest.fixture(autouse=True)
def _nils(caller: Traveller) -> None:
    upsert(caller)


def event(event_id: str = "", client_id: str = "nils") -> Event:
    """One that is accepted."""
    fields = {"event_id": event_id or new_id(), "client_id": client_id, "stage": ONBOARDING}
    return Event(**fields, event_type="moved")  # type: ignore[arg-type]


class TestAtOnce:
    def test_threads_end_where_a_replay_ends(
        self, journey: Journey, acme: Organisation, globex: Organisation
    ) -> None:
        """Late, doubled and in any order: 20 threads on the same 10 clients, no deadlock."""
        chance = random.Random(4)
        clients = [f"c{number}" for number in range(10)]
        backends = [journey.traveller(one) for one in (acme, globex)]
        for backend in backends:
            make(backend, *clients)
        sent = [_anything(chance, chance.choice(clients)) for _ in range(300)]
        sent += [happening(one, "moved", 90, LEAD) for one in clients]
        batches = [chance.sample(sent, 30) for _ in range(20)]
        callers = [journey.traveller(acme) for _ in batches]
        with ThreadPoolExecutor(len(batches)) as pool:
            told = list(pool.map(_send, callers, batches))
        assert _send(backends[0], sent) | {"ACCEPTED", "DUPLICATE"} == {"ACCEPTED", "DUPLICATE"}
        assert set().union(*told) <= {"ACCEPTED", "DUPLICATE"}
        assert verdicts(backends[1], *sent) == ["ACCEPTED"] * len(sent)
        for table, columns in (
            ("client_states", "client_id, facts, stage, stage_since, risk_level, last_event_at"),
            (
                "stage_visits",
                "client_id, entered_at, event_id, stage, left_at, next_stage, unusual",
            ),
            ("journey_events", "event_id, client_id, occurred_at, stage, metadata, content_hash"),
        ):
            query = f"SELECT {columns} FROM app.{table} WHERE org_id = %s AND client_id <> 'nils'"
            here, there = (
                sorted(one.database.execute(query, one.org_id), key=str) for one in (acme, globex)
            )
            assert here == there, table
            assert here

    def test_one_id_at_once_is_stored_once(self, journey: Journey, acme: Organisation) -> None:
        callers = [journey.traveller(acme) for _ in range(8)]
        make(callers[0], *(f"c{number}" for number in range(8)))
        event_id = new_id()
        same = [event(event_id=event_id, client_id=f"c{number}") for number in range(8)]
        with ThreadPoolExecutor(len(callers)) as pool:
            told = list(
                pool.map(lambda one: verdicts(one[0], one[1])[0], zip(callers, same, strict=True))
            )
        assert sorted(told) == ["ACCEPTED"] + ["CONFLICT"] * 7

    def test_deleting_meanwhile_leaves_nothing(self, journey: Journey, acme: Organisation) -> None:
        callers = [journey.traveller(acme) for _ in range(4)]
        batches = [[event() for _ in range(50)] for _ in callers]
        with ThreadPoolExecutor(len(callers) + 1) as pool:
            tracking = [pool.submit(_send, *one) for one in zip(callers, batches, strict=True)]
            pool.submit(delete, journey.traveller(acme)).result()
            told = set().union(*(one.result() for one in tracking))
        assert told <= {"ACCEPTED", "REJECTED"}
        for table in ("journey_events", "stage_visits", "client_states"):
            query = f"SELECT count(*) FROM app.{table} WHERE org_id = %s"
            assert acme.database.execute(query, acme.org_id) == [(0,)]


def _anything(chance: random.Random, client_id: str) -> Event:
    kind, said = chance.choice(
        [
            ("moved", {}),
            ("invoice_overdue", {"invoice_id": chance.choice("abc")}),
            ("invoice_paid", {"invoice_id": chance.choice("abc")}),
            ("support_ticket_opened", {"ticket_id": chance.choice("abcd")}),
            ("support_ticket_closed", {"ticket_id": chance.choice("abcd")}),
            ("call", {"sentiment": "negative"}),
            ("milestone_reached", {}),
        ]
    )
    return happening(client_id, kind, chance.uniform(0.1, 60), chance.randint(1, 9), **said)


def _send(caller: Traveller, events: Sequence[Event]) -> set[str]:
    """The verdicts; who is told that the service is overloaded comes again."""
    for _ in range(60):
        try:
            return set(verdicts(caller, *events))
        except grpc.RpcError as error:
            told = refusal(error)
            assert told.reason in {"OVERLOADED", "DATABASE_AWAY", "DEADLINE_PASSED"}
            time.sleep(told.retry_seconds or 1)
    pytest.fail("overloaded for a minute")

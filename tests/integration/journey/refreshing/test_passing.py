"""Time passes and clients stand otherwise, without any event."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from footfall.journey.v1 import clients_pb2, journey_pb2
from services.journey.journeys.rules.facts import derive
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.progress import State, state_of
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import Happening, Stage
from services.journey.journeys.usecases import restate_held
from services.journey.refreshing.usecases import Passing, passing
from shared.database import Database
from tests.integration.journey.conftest import HeldClock
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import ACTIVE_PROJECT, LEAD, LOW_ENGAGEMENT, happening, make, track


@pytest.fixture
def time(worker: Database, across: Database, clock: HeldClock) -> Passing:
    return Passing(worker, across, clock)


async def pass_by(time: Passing) -> int:
    """Until nobody is due; how many were."""
    clients = 0
    while restated := (await time.restate_due()).clients:
        clients += restated
        assert clients < 10_000, "a client stays due"
    return clients


def states(organisation: Organisation) -> dict[str, tuple[Any, ...]]:
    """What is kept of each client: stage, level, score, and the risks that hold."""
    rows = organisation.database.execute(
        "SELECT client_id, stage, risk_level, score, ARRAY(SELECT (f ->> 'risk')::int FROM"
        " jsonb_array_elements(findings) AS f ORDER BY 1) FROM app.client_states WHERE org_id = %s",
        organisation.org_id,
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def from_scratch(organisation: Organisation, now: datetime) -> dict[str, tuple[Any, ...]]:
    """The same from all events of each client up to a moment."""
    at = to_micros(now)
    clients = organisation.database.execute(
        "SELECT client_id, created_at, ai_score FROM app.clients WHERE org_id = %s",
        organisation.org_id,
    )
    return {
        client_id: _shown(
            state_of(
                Standing(to_micros(created_at), derive(_events(organisation, client_id, now)), ai),
                JourneySettings(),
                at,
            )
        )
        for client_id, created_at, ai in clients
    }


def _events(organisation: Organisation, client_id: str, now: datetime) -> list[Happening]:
    rows = organisation.database.execute(
        "SELECT event_id, occurred_at, event_type, stage, metadata FROM app.journey_events"
        " WHERE org_id = %s AND client_id = %s AND occurred_at <= %s",
        organisation.org_id,
        client_id,
        now,
    )
    return [
        Happening(event_id, to_micros(at), kind, None if stage is None else Stage(stage), metadata)
        for event_id, at, kind, stage, metadata in rows
    ]


def _shown(state: State) -> tuple[Any, ...]:
    risks = sorted(one.risk.value for one in state.findings)
    return state.stage.value, state.level.value, state.score, risks


def busy(client_id: str, days_ago: float = 1) -> list[Any]:
    return [happening(client_id, "called", days_ago, LEAD) for _ in range(3)]


async def test_a_client_becomes_low_engagement_without_any_event(
    caller: Traveller, time: Passing, clock: HeldClock
) -> None:
    make(caller, "mia", "milo")
    track(caller, *busy("mia"), *busy("milo"))
    clock.passes(days=28)
    await pass_by(time)
    assert risks_listed(caller) == {"mia": [], "milo": []}
    clock.passes(days=2)
    assert await pass_by(time) == 2
    assert risks_listed(caller) == {"mia": [LOW_ENGAGEMENT], "milo": [LOW_ENGAGEMENT]}
    clock.passes(days=1000)
    assert await pass_by(time) == 0


def risks_listed(caller: Traveller) -> dict[str, list[int]]:
    request = clients_pb2.ListHighRiskClientsRequest(min_risk_level=journey_pb2.RISK_LEVEL_LOW)
    shown = caller.call("ListHighRiskClients", request).clients
    return {one.client_id: [risk.risk for risk in one.risks] for one in shown}


async def test_what_changed_as_time_passed_is_told_to_who_watches(
    caller: Traveller, time: Passing, clock: HeldClock, organisation: Organisation
) -> None:
    make(caller, "mia", "milo")
    track(caller, *busy("mia"), *busy("milo", days_ago=0.1))
    before = len(changes(organisation))
    clock.passes(days=29.5)
    await pass_by(time)
    assert changes(organisation)[before:] == [["mia"]]


def changes(organisation: Organisation) -> list[list[str]]:
    rows = organisation.database.execute(
        "SELECT client_ids FROM app.journey_changes WHERE org_id = %s ORDER BY position",
        organisation.org_id,
    )
    return [row[0] for row in rows]


async def test_an_event_that_was_told_of_ahead_of_its_time_counts_from_then_on(
    caller: Traveller, time: Passing, clock: HeldClock, organisation: Organisation
) -> None:
    make(caller, "mia")
    track(caller, happening("mia", "moved", -0.5, ACTIVE_PROJECT))
    assert states(organisation)["mia"][0] == LEAD
    clock.passes(hours=11)
    assert await pass_by(time) == 0
    clock.passes(hours=2)
    assert await pass_by(time) == 1
    assert states(organisation)["mia"][0] == ACTIVE_PROJECT


@pytest.mark.parametrize("seed", range(4))
async def test_restated_clients_stand_as_if_derived_from_scratch(
    seed: int, caller: Traveller, time: Passing, clock: HeldClock, organisation: Organisation
) -> None:
    chance = random.Random(seed)
    clients = [f"c{number}" for number in range(8)]
    make(caller, *clients, ai_score=chance.choice([0.0, 80.0]))
    events = [_anything(chance, client_id) for client_id in clients for _ in range(12)]
    for batch in range(0, len(events), 24):
        track(caller, *chance.sample(events[batch : batch + 24], len(events[batch : batch + 24])))
    for days in (0.3, 0.7, 2, 5, 7.5, 11, 14, 20, 40):
        clock.passes(days=days)
        await pass_by(time)
        assert states(organisation) == from_scratch(organisation, clock.now()), days


def _anything(chance: random.Random, client_id: str) -> Any:
    kind, metadata = chance.choice(
        [
            ("called", {}),
            ("called", {"sentiment": "negative"}),
            ("invoice_overdue", {"invoice_id": str(chance.randrange(2))}),
            ("invoice_paid", {"invoice_id": str(chance.randrange(2))}),
            ("support_ticket_opened", {"ticket_id": str(chance.randrange(4))}),
            ("support_ticket_closed", {"ticket_id": str(chance.randrange(4))}),
            ("milestone_reached", {}),
        ]
    )
    stage = chance.choice([LEAD, ACTIVE_PROJECT, 7, 9])
    return happening(client_id, kind, chance.uniform(-0.9, 45), stage, **metadata)


async def test_workers_share_the_work_and_do_none_of_it_twice(
    *,
    caller: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passing, "_CLIENTS", 7)
    clients = [f"c{number:02}" for number in range(60)]
    make(caller, *clients)
    track(caller, *(event for one in clients for event in busy(one)))
    before = len(changes(organisation))
    clock.passes(days=31)
    workers = [Passing(worker, across, clock) for _ in range(3)]
    assert sum(await asyncio.gather(*map(pass_by, workers))) == 60
    told = [client_id for row in changes(organisation)[before:] for client_id in row]
    assert sorted(told) == clients
    assert [state[3] for state in states(organisation).values()] == [[LOW_ENGAGEMENT]] * 60


async def test_a_worker_that_dies_leaves_whole_batches_and_the_rest_to_others(
    *,
    caller: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(caller, *(clients := [f"c{number}" for number in range(6)]))
    track(caller, *(event for one in clients for event in busy(one)))
    clock.passes(days=31)
    calls = 0

    async def dying(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        changed = await restate_held(*arguments)
        if calls == 2:
            raise asyncio.CancelledError
        return changed

    monkeypatch.setattr(passing, "_CLIENTS", 2)
    monkeypatch.setattr(passing, "restate_held", dying)
    with pytest.raises(asyncio.CancelledError):
        await pass_by(Passing(worker, across, clock))
    low = [state for state in states(organisation).values() if state[3] == [LOW_ENGAGEMENT]]
    assert len(low) == 2
    assert await pass_by(Passing(worker, across, clock)) == 4
    assert states(organisation) == from_scratch(organisation, clock.now())


async def test_who_has_many_clients_does_not_keep_others_waiting(
    *,
    caller: Traveller,
    neighbour: Traveller,
    time: Passing,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passing, "_CLIENTS", 3)
    make(caller, *(f"c{number}" for number in range(10)))
    make(neighbour, "mia")
    clock.passes(days=31)
    assert (await time.restate_due()).clients == 4
    assert risks_listed(neighbour) == {"mia": [LOW_ENGAGEMENT]}


async def test_a_piece_that_fails_is_halved_until_it_fits(
    *,
    caller: Traveller,
    time: Passing,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces = []

    async def within_its_time(*arguments: Any) -> int:
        pieces.append(len(arguments[2]))
        if pieces[-1] > 4:
            raise psycopg.errors.QueryCanceled
        return await restate_held(*arguments)

    monkeypatch.setattr(passing, "_CLIENTS", 16)
    monkeypatch.setattr(passing, "restate_held", within_its_time)
    make(caller, *(names := [f"c{number:02}" for number in range(20)]))
    clock.passes(days=31)
    for _ in range(12):
        await time.restate_due()
        clock.passes(seconds=11)
    assert pieces[:5] == [16, 8, 4, 8, 4]
    assert await pass_by(time) == 0
    assert risks_listed(caller) == {name: [LOW_ENGAGEMENT] for name in names}


async def test_what_fails_for_one_organisation_stops_no_other(
    *,
    caller: Traveller,
    neighbour: Traveller,
    time: Passing,
    clock: HeldClock,
    organisation: Organisation,
) -> None:
    make(caller, "broken")
    make(neighbour, "mia")
    organisation.database.execute(
        "UPDATE app.client_states SET facts = '{}' WHERE org_id = %s", organisation.org_id
    )
    clock.passes(days=31)
    assert (await time.restate_due()).clients == 1
    assert risks_listed(neighbour) == {"mia": [LOW_ENGAGEMENT]}
    passed = await time.restate_due()
    assert (passed.clients, passed.behind_seconds > timedelta(days=10).total_seconds()) == (0, True)

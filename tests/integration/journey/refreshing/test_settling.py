"""New settings and norms reach everyone who stands by the old ones."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from footfall.journey.v1 import settings_pb2
from services.journey.journeys.queries import lock_states
from services.journey.refreshing import queries
from services.journey.refreshing.usecases import Settling, settling
from shared.database import Database, Tenant
from tests.integration.journey.conftest import HeldClock
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import (
    ACTIVE_PROJECT,
    LEAD,
    ONBOARDING,
    RETENTION,
    SLOW_PROJECT,
    happening,
    make,
    moved,
    track,
)

MINUTE = 61.0


@pytest.fixture
def settler(worker: Database, across: Database, clock: HeldClock) -> Settling:
    return Settling(worker, across, clock)


async def settle(settler: Settling) -> int:
    """Until nothing more is to be done now; how many clients were restated."""
    clients = 0
    for _ in range(1000):
        settled = await settler.settle()
        clients += settled.clients
        if not settled.going_on:
            return clients
    pytest.fail("a walk does not end")


def weigh(caller: Traveller, **weights: float) -> int:
    """Change what stages weigh; the new version."""
    stages = {"lead": LEAD, "onboarding": ONBOARDING, "active_project": ACTIVE_PROJECT}
    get = settings_pb2.GetJourneySettingsRequest()
    known = caller.call("GetJourneySettings", get).settings
    wanted = settings_pb2.JourneySettings(
        etag=known.etag,
        stages=[
            settings_pb2.StageRule(stage=stages[name], weight=weight)  # type: ignore[arg-type]
            for name, weight in weights.items()
        ],
    )
    request = settings_pb2.UpdateJourneySettingsRequest(settings=wanted)
    version: int = caller.call("UpdateJourneySettings", request).settings.version
    return version


def kept(organisation: Organisation, columns: str) -> dict[str, Any]:
    rows = organisation.database.execute(
        f"SELECT client_id, {columns} FROM app.client_states WHERE org_id = %s",
        organisation.org_id,
    )
    return {row[0]: row[1] if len(row) == 2 else row[1:] for row in rows}


@pytest.fixture
def admin(journey: Any, organisation: Organisation) -> Traveller:
    traveller: Traveller = journey.traveller(organisation, "adam")
    return traveller


async def test_new_settings_reach_everyone_in_batches_and_once(
    *,
    caller: Traveller,
    admin: Traveller,
    settler: Settling,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "_CLIENTS", 4)
    make(caller, *(f"c{number}" for number in range(10)))
    await settle(settler)
    version = weigh(admin, lead=7)
    assert await settle(settler) == 10
    assert set(kept(organisation, "score, settings_version").values()) == {(57.0, version)}
    clock.passes(seconds=MINUTE)
    assert await settle(settler) == 0
    await settle(settler)
    assert not settler._walks, "it is done with"
    assert weigh(admin, lead=9) == version + 1
    assert await settle(settler) == 10
    assert set(kept(organisation, "score").values()) == {59.0}


async def test_who_was_written_with_old_settings_meanwhile_is_found_a_minute_later(
    *,
    caller: Traveller,
    admin: Traveller,
    settler: Settling,
    clock: HeldClock,
    organisation: Organisation,
) -> None:
    make(caller, "mia", "milo")
    version = weigh(admin, lead=7)
    await settle(settler)
    organisation.database.execute(
        "UPDATE app.client_states SET settings_version = 0, score = 50"
        " WHERE org_id = %s AND client_id = 'mia'",
        organisation.org_id,
    )
    assert await settle(settler) == 0
    clock.passes(seconds=MINUTE)
    assert await settle(settler) == 1
    assert set(kept(organisation, "score, settings_version").values()) == {(57.0, version)}


async def test_a_worker_that_begins_goes_on_where_another_died(
    *,
    caller: Traveller,
    admin: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "_CLIENTS", 4)
    make(caller, *(f"c{number}" for number in range(10)))
    weigh(admin, lead=7)
    dying = Settling(worker, across, clock)
    await dying.settle()  # makes the norms of the day
    assert (await dying.settle()).clients == 4
    assert await settle(Settling(worker, across, clock)) == 6
    assert set(kept(organisation, "score").values()) == {57.0}


async def test_workers_walk_at_once_without_harm(
    *,
    caller: Traveller,
    admin: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settling, "_CLIENTS", 5)
    make(caller, *(f"c{number:02}" for number in range(40)))
    weigh(admin, lead=7)
    workers = [Settling(worker, across, clock) for _ in range(3)]
    for _ in range(20):
        await asyncio.gather(*(one.settle() for one in workers))
    assert set(kept(organisation, "score").values()) == {57.0}


async def test_norms_that_fail_hold_up_no_new_settings(
    *,
    caller: Traveller,
    admin: Traveller,
    settler: Settling,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.moment = noon(clock)
    make(caller, "mia", "milo")
    version = weigh(admin, lead=7)
    with monkeypatch.context() as failing:
        failing.setattr(queries, "insert_norms", cancelled)
        assert await settle(settler) == 2
        assert set(kept(organisation, "score, settings_version").values()) == {(57.0, version)}
        clock.passes(seconds=MINUTE)
        await settle(settler)
        assert cursors(organisation) == [(version, None)]
        assert weigh(admin, lead=9) == version + 1
        assert await settle(settler) == 2
    clock.passes(seconds=MINUTE)
    await settle(settler)
    await settle(settler)
    assert len(norms(organisation)) == 1
    clock.passes(seconds=MINUTE)
    await settle(settler)
    assert cursors(organisation) == [(version + 1, clock.now().date())]


async def cancelled(*_: object) -> None:
    raise psycopg.errors.QueryCanceled


def cursors(organisation: Organisation) -> list[Any]:
    return organisation.database.execute(
        "SELECT settings_version, norms_day FROM app.journey_cursors WHERE org_id = %s",
        organisation.org_id,
    )


async def test_who_settles_holds_no_clients_while_it_waits_for_who_follows(
    *,
    caller: Traveller,
    admin: Traveller,
    worker: Database,
    settler: Settling,
    clock: HeldClock,
    organisation: Organisation,
) -> None:
    clock.moment = noon(clock)
    make(caller, "mia")
    version = weigh(admin, lead=7)
    await settle(settler)
    organisation.database.execute("UPDATE app.client_states SET settings_version = 0")
    clock.passes(seconds=MINUTE)
    tenant = Tenant(organisation.org_id, "service")
    async with worker.raw_transaction(tenant) as raw:
        await queries.insert_cursor(raw, organisation.org_id)
    async with worker.raw_transaction(tenant) as following:
        assert await queries.lock_cursor(following, organisation.org_id) is not None
        settling_ = asyncio.create_task(settle(settler))
        async with asyncio.timeout(30):
            while await restated(organisation) != version:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.02)
        await lock_states(following, organisation.org_id, ["mia"])
    await settling_
    clock.passes(seconds=MINUTE)  # it may have waited for too long
    await settle(settler)
    assert cursors(organisation) == [(version, clock.now().date())]


async def restated(organisation: Organisation) -> int:
    found = await asyncio.to_thread(kept, organisation, "settings_version")
    version: int = found["mia"]
    return version


def projects(caller: Traveller, *days: float) -> None:
    """Clients that were in active_project for so many days, up to three days ago."""
    names = [f"done-{number}" for number in range(len(days))]
    make(caller, *names)
    for name, lasted in zip(names, days, strict=True):
        track(
            caller,
            happening(name, "moved", 3 + lasted, ACTIVE_PROJECT),
            happening(name, "moved", 3, RETENTION),
        )


async def test_norms_of_the_day_are_of_visits_that_ended_before_and_reach_who_is_there(
    *, caller: Traveller, settler: Settling, clock: HeldClock, organisation: Organisation
) -> None:
    clock.moment = noon(clock)
    make(caller, "slow")
    moved(caller, "slow", ACTIVE_PROJECT, days_ago=35)
    assert risks(organisation, "slow") == [1, SLOW_PROJECT]
    projects(caller, 10, 20, 50, 60)
    await settle(settler)
    (row,) = norms(organisation)
    assert row[0] == clock.now().date()
    assert row[1] == pytest.approx(timedelta(days=52.5).total_seconds(), abs=2)
    assert row[2] == 4
    assert risks(organisation, "slow") == [1]
    restated = kept(organisation, "as_of")
    clock.passes(seconds=MINUTE)
    assert await settle(settler) == 0, "all were restated"
    clock.passes(days=1)
    assert await settle(settler) == 0, "the norms are the same as yesterday"
    assert [row[1:] for row in norms(organisation)] == [row[1:]] * 2
    assert kept(organisation, "as_of") == restated


async def test_norms_without_any_visit_say_so_and_old_ones_go(
    *, caller: Traveller, settler: Settling, clock: HeldClock, organisation: Organisation
) -> None:
    clock.moment = noon(clock)
    make(caller, "mia")
    await settle(settler)
    assert [row[1:] for row in norms(organisation)] == [(None, 0)]
    first = clock.now().date()
    clock.passes(days=400)
    await settle(settler)
    assert [row[0] for row in norms(organisation)] == [first, clock.now().date()]
    clock.passes(days=1)
    await settle(settler)
    assert first not in [row[0] for row in norms(organisation)]


def noon(clock: HeldClock) -> datetime:
    """Of tomorrow: later than all that services write, and far from the end of a day."""
    return (clock.now() + timedelta(days=1)).replace(hour=12)


def norms(organisation: Organisation) -> list[Any]:
    return organisation.database.execute(
        "SELECT day, project_p75_seconds, project_visits FROM app.journey_norms"
        " WHERE org_id = %s ORDER BY day",
        organisation.org_id,
    )


def risks(organisation: Organisation, client_id: str) -> list[int]:
    found = kept(organisation, "findings")[client_id]
    return sorted(one["risk"] for one in found)

"""Lanes: who waits goes together, who has gone is dropped, and no organisation harms another."""

from __future__ import annotations

import asyncio
import gc
import weakref

import psycopg
import pytest

from services.event_ingest import lanes
from services.event_ingest.events.errors import StorageBehind
from services.event_ingest.events.rules import NewEvent
from services.event_ingest.group_commit import GroupCommit
from services.event_ingest.lanes import Lanes
from services.event_ingest.store import Stored
from shared import ids
from shared.database import Database
from shared.errors import DatabaseAway, Overloaded
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.queueing import (
    ACCEPTED,
    DUPLICATE,
    UNITS,
    Watched,
    admitted,
    counted,
    queued,
    tenant_of,
    told,
    turns,
)
from tests.storing import stored_ids


async def test_who_finds_the_lane_empty_goes_at_once_and_who_waits_goes_together(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer, shut=True)
    store = Lanes(watched.database)
    first = admitted(organisation, "mia", "milo")
    batches = [[NewEvent(*one) for one in first] for _ in range(6)]
    tasks = await queued(store, organisation, batches)
    assert watched.sizes == [2, 2]
    watched.open.set()
    outcomes = await asyncio.gather(*tasks)
    assert len(watched.seen) == 3
    assert [told(one) for one in outcomes].count([ACCEPTED] * 2) == 1
    assert [told(one) for one in outcomes].count([DUPLICATE] * 2) == 5
    assert counted(organisation) == (2, 2, 2)


async def test_a_batch_whose_caller_has_gone_is_not_stored(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer, shut=True)
    store = Lanes(watched.database)
    batches = [admitted(organisation, "mia") for _ in range(5)]
    tasks = await queued(store, organisation, batches)
    tasks[0].cancel()  # under way, alone in its transaction
    tasks[3].cancel()  # waits for its turn
    await asyncio.sleep(0)
    watched.open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    gone = asyncio.CancelledError
    assert [told(one) for one in outcomes] == [gone, [ACCEPTED], [ACCEPTED], gone, [ACCEPTED]]
    await store.drain()
    stored = {batches[kept][0].event_id for kept in (1, 2, 4)}
    assert {ids.text(one) for one in stored} == await stored_ids(writer, organisation)


async def test_a_batch_goes_on_while_one_caller_of_its_transaction_waits(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer, shut=True)
    store = Lanes(watched.database)
    batches = [admitted(organisation, "mia") for _ in range(4)]
    tasks = await queued(store, organisation, batches)
    tasks[0].cancel()
    tasks[1].cancel()
    await turns()
    assert len(watched.seen) == 3  # the two that waited are under way
    tasks[2].cancel()
    await asyncio.sleep(0)
    watched.open.set()
    assert told(await tasks[3]) == [ACCEPTED]


async def test_what_is_queued_is_bounded_and_let_go(
    writer: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(writer, shut=True)
    store = Lanes(watched.database)
    monkeypatch.setattr(lanes, "_QUEUED_BYTES", 3000)
    tasks = await queued(store, organisation, [admitted(organisation, "mia") for _ in range(7)])
    with pytest.raises(Overloaded):
        await asyncio.gather(*tasks)
    watched.open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [ACCEPTED] in [told(one) for one in outcomes]
    again = [admitted(organisation, "mia") for _ in range(3)]
    await asyncio.gather(*await queued(store, organisation, again))
    await store.drain()


async def test_no_organisation_takes_all_room_in_the_queue(
    writer: Database,
    organisation: Organisation,
    other_organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(writer, shut=True)
    store = Lanes(watched.database)
    monkeypatch.setattr(lanes, "_QUEUED_BYTES", 1500)
    many = await queued(store, organisation, [admitted(organisation, "mia") for _ in range(7)])
    neighbours = [admitted(other_organisation, "mia") for _ in range(2)]
    others = await queued(store, other_organisation, neighbours)
    watched.open.set()
    assert [told(one) for one in await asyncio.gather(*others)] == [[ACCEPTED]] * 2
    outcomes = [told(one) for one in await asyncio.gather(*many, return_exceptions=True)]
    assert outcomes == [[ACCEPTED]] * 2 + [Overloaded] * 5


async def test_more_organisations_than_connections_wait_for_one_in_turn(
    database: MigratedDatabase,
) -> None:
    """The pool itself would refuse those who are too many."""
    few = Database(database.urls["footfall_event_ingest"], application_name="test", size=1)
    await few.open()
    many = [add_organisation(database, f"number {number}") for number in range(40)]
    store = Lanes(few)
    outcomes = await asyncio.gather(
        *(store.store(tenant_of(one), UNITS, admitted(one, "mia")) for one in many)
    )
    await few.close()
    assert [told(one) for one in outcomes] == [[ACCEPTED]] * len(many)


class Events(list[NewEvent]):
    """Events whose end can be seen."""


async def test_batches_that_fail_are_let_go(writer: Database, organisation: Organisation) -> None:
    """At once, not when cycles are collected: they may be large."""
    watched = Watched(writer)
    watched.fault = lambda _: StorageBehind()
    store, seen = Lanes(watched.database), []

    async def fail() -> None:
        events = Events(admitted(organisation, "mia"))
        seen.append(weakref.ref(events))
        with pytest.raises(StorageBehind):
            await store.store(tenant_of(organisation), UNITS, events)

    gc.disable()
    try:
        await fail()
        await store.drain()
        watched.seen.clear()
        await turns()
        assert [one() for one in seen] == [None]
    finally:
        gc.enable()


async def test_batches_that_are_taken_are_stored_before_the_end(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer, shut=True)
    commit = GroupCommit(watched.database)
    tenant, running = tenant_of(organisation), asyncio.create_task(commit.run())
    waiting = [
        asyncio.create_task(commit.store_batch(tenant, UNITS, admitted(organisation, "mia")))
        for _ in range(5)
    ]
    await asyncio.sleep(0)
    await commit.close()
    with pytest.raises(DatabaseAway):
        await commit.store_batch(tenant, UNITS, admitted(organisation, "mia"))
    watched.open.set()
    await running
    assert all(one.done() for one in waiting)
    assert counted(organisation) == (5, 5, 5)


async def test_an_organisation_whose_counters_are_locked_is_alone_in_waiting(
    organisation: Organisation, other_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, the one that waits gives up only where it is hurried.
    monkeypatch.setattr("shared.database._SESSION_OPTIONS", "-c timezone=UTC -c lock_timeout=60s")
    url = organisation.database.urls["footfall_event_ingest"]
    patient = Database(url, application_name="test")
    await patient.open()
    watched = Watched(patient)
    commit = GroupCommit(watched.database)
    running = asyncio.create_task(commit.run())

    def sent(to: Organisation) -> asyncio.Task[Stored]:
        [new] = admitted(to, "mia")
        return asyncio.create_task(commit.store(tenant_of(to), UNITS, new))

    await sent(organisation)  # now there is a counter to lock
    with psycopg.connect(organisation.database.admin_url) as somebody:
        somebody.execute(
            "SELECT 1 FROM app.event_hourly WHERE org_id = %s FOR UPDATE", (organisation.org_id,)
        )
        locked, neighbour = sent(organisation), sent(other_organisation)
        assert told([await neighbour]) == [ACCEPTED]
        before = len(watched.seen)
        more, next_one = sent(organisation), sent(other_organisation)
        assert told([await next_one]) == [ACCEPTED]
        assert not locked.done()
        together = [{one.tenant.org_id for one in sent} for sent in watched.seen[before:]]
        assert {organisation.org_id, other_organisation.org_id} not in together
    assert told([await locked, await more]) == [ACCEPTED] * 2
    await commit.close()
    await running
    await patient.close()
    assert counted(organisation) == (3, 3, 3)

"""Batches that share a transaction: each is whole, each is told its own verdicts."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Callable, Sequence

import psycopg
import pytest

from services.event_ingest import lanes
from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import wire
from services.event_ingest.events.errors import InvalidProperties, StorageBehind
from services.event_ingest.events.rules import NewEvent, Outcome, Units, Verdict
from services.event_ingest.events.rules import Organisation as Known
from services.event_ingest.group_commit import GroupCommit
from services.event_ingest.lanes import Lanes
from services.event_ingest.store import Group, Stored, store_batches
from shared import ids
from shared.database import Database, Row, Statement, Tenant
from shared.errors import DatabaseAway, Overloaded
from tests.ingesting import event
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.storing import NAMES, stored_ids

UNITS = Units("UTC", "USD")
UNWANTED = "mallory"
ACCEPTED, DUPLICATE, CONFLICT = Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.CONFLICT


def admitted(organisation: Organisation, *users: str, event_id: str = "") -> list[NewEvent]:
    known = Known(
        organisation.org_id, "UTC", "USD", None, keep_ip=False, types=BUILT_IN, type_names=NAMES
    )
    now_us = time.time_ns() // 1000
    return [
        wire.to_new_event(event(user_id=user, event_id=event_id), known, now_us, None)
        for user in users
    ]


def tenant_of(organisation: Organisation) -> Tenant:
    return Tenant(organisation.org_id, "ingest")


def grouped(organisation: Organisation, *batches: Sequence[NewEvent]) -> list[Group]:
    return [Group(tenant_of(organisation), UNITS, batch) for batch in batches]


def told(outcomes: list[Stored] | BaseException) -> object:
    if isinstance(outcomes, BaseException):
        return type(outcomes)
    return [one.verdict if isinstance(one, Outcome) else type(one) for one in outcomes]


def counted(organisation: Organisation) -> tuple[int, int, int]:
    """Events as they are, as the hours count them and as the days of users do."""
    tables = ("count(*) FROM app.events", "sum(events) FROM app.event_hourly")
    of_days = "sum(events) FROM app.user_day"
    numbers = [
        int(
            organisation.database.execute(f"SELECT {one} WHERE org_id = %s", organisation.org_id)[
                0
            ][0]
            or 0
        )
        for one in (*tables, of_days)
    ]
    return numbers[0], numbers[1], numbers[2]


class Watched:
    """A database that tells what travels together, and lets it pass when it is told to."""

    def __init__(self, writer: Database, *, shut: bool = False) -> None:
        self._writer = writer
        self.seen: list[Sequence[Statement]] = []
        self.fault: Callable[[Sequence[Statement]], Exception | None] = lambda _: None
        self.open = asyncio.Event()
        if not shut:
            self.open.set()
        self.database = Database("postgresql://nowhere", application_name="never opened")
        self.database.in_one_round_trip = self._pass  # type: ignore[method-assign]
        self.database.raw_transaction = writer.raw_transaction  # type: ignore[method-assign]

    async def _pass(self, statements: Sequence[Statement]) -> list[Row | None]:
        self.seen.append(statements)
        await self.open.wait()
        if (fault := self.fault(statements)) is not None:
            raise fault
        return await self._writer.in_one_round_trip(statements)

    @property
    def sizes(self) -> list[object]:
        """How many events each transaction stored."""
        return [one.parameters["rows"] for (one,) in self.seen]  # type: ignore[call-overload]


async def turns() -> None:
    """As many turns of the loop as it takes to get to a transaction, or to leave one."""
    for _ in range(10):
        await asyncio.sleep(0)


async def queued(
    store: Lanes, organisation: Organisation, batches: Sequence[Sequence[NewEvent]]
) -> list[asyncio.Task[list[Stored]]]:
    """Batches that have reached their lane, in order."""
    tenant = tenant_of(organisation)
    tasks = [asyncio.create_task(store.store(tenant, UNITS, batch)) for batch in batches]
    await turns()
    return tasks


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


async def test_of_batches_that_share_ids_the_first_has_stored_them(
    writer: Database, organisation: Organisation
) -> None:
    shared_id = ids.text(ids.uuid7(time.time_ns() // 1_000_000))
    [mine] = admitted(organisation, "mia", event_id=shared_id)
    [other] = admitted(organisation, "milo", event_id=shared_id)
    again, late = NewEvent(*mine), NewEvent(*mine)
    batches = [
        [*admitted(organisation, "mia"), mine, again],
        [other, *admitted(organisation, "milo")],
        [late, *admitted(organisation, "mia", "milo")],
    ]
    outcomes = await store_batches(writer, grouped(organisation, *batches))
    assert [told(one) for one in outcomes] == [
        [ACCEPTED, ACCEPTED, DUPLICATE],
        [CONFLICT, ACCEPTED],
        [DUPLICATE, ACCEPTED, ACCEPTED],
    ]
    assert counted(organisation) == (5, 5, 5)


async def test_what_postgres_refuses_of_a_batch_costs_the_others_nothing(
    writer: Database, organisation: Organisation
) -> None:
    organisation.database.execute(
        f"ALTER TABLE app.events ADD CONSTRAINT unwanted CHECK (user_id <> '{UNWANTED}')"
    )
    good, bad = ("mia", "milo"), ("mia", UNWANTED, "milo")
    batches = [admitted(organisation, *users) for users in (good, bad, good)]
    outcomes = await store_batches(writer, grouped(organisation, *batches))
    assert [told(one) for one in outcomes] == [
        [ACCEPTED, ACCEPTED],
        [ACCEPTED, InvalidProperties, ACCEPTED],
        [ACCEPTED, ACCEPTED],
    ]
    assert counted(organisation) == (6, 6, 6)


async def test_a_batch_whose_partition_is_missing_fails_alone_and_whole(
    writer: Database, organisation: Organisation
) -> None:
    organisation.database.execute("DROP TABLE app.events_timeless")
    timeless = admitted(organisation, "mia", event_id="01234567-89ab-4def-8123-456789abcdef")
    lost = [*admitted(organisation, "milo"), *timeless]
    kept = admitted(organisation, "mia", "milo")
    outcomes = await store_batches(writer, grouped(organisation, lost, kept))
    assert [told(one) for one in outcomes] == [StorageBehind, [ACCEPTED, ACCEPTED]]
    assert counted(organisation) == (2, 2, 2)


async def test_a_transaction_that_waited_in_vain_is_tried_batch_by_batch(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer)
    locked = admitted(organisation, "mia")

    def of_the_locked(statements: Sequence[Statement]) -> Exception | None:
        (rows,) = {one.parameters["rows"] for one in statements}  # type: ignore[call-overload]
        return psycopg.errors.LockNotAvailable() if rows != 2 else None

    watched.fault = of_the_locked
    free = [admitted(organisation, "mia", "milo") for _ in range(2)]
    groups = grouped(organisation, free[0], locked, free[1])
    outcomes = await store_batches(watched.database, groups)
    assert [told(one) for one in outcomes] == [
        [ACCEPTED] * 2,
        psycopg.errors.LockNotAvailable,
        [ACCEPTED] * 2,
    ]
    assert sorted(map(str, watched.sizes)) == ["1", "2", "2", "5"]
    assert counted(organisation) == (4, 4, 4)


async def test_a_database_that_is_away_is_asked_once_for_all(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer)
    watched.fault = lambda _: psycopg.OperationalError("the connection is lost")
    groups = grouped(organisation, *[admitted(organisation, "mia") for _ in range(3)])
    with pytest.raises(psycopg.OperationalError):
        await store_batches(watched.database, groups)
    assert len(watched.seen) == 1


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


@pytest.mark.parametrize(
    ("fault", "hurried"),
    [(psycopg.errors.LockNotAvailable, True), (psycopg.errors.CheckViolation, False)],
)
async def test_batches_that_failed_together_take_one_connection_after_that(
    writer: Database, organisation: Organisation, fault: type[psycopg.Error], *, hurried: bool
) -> None:
    """And wait in vain for one moment each, not for as long as they did together."""
    watched = Watched(writer)
    at_once, most = 0, 0
    passes = watched.database.in_one_round_trip

    async def counting(statements: Sequence[Statement]) -> list[Row | None]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await turns()
            return await passes(statements)
        finally:
            at_once -= 1

    watched.database.in_one_round_trip = counting  # type: ignore[method-assign]
    watched.fault = lambda _: fault() if len(watched.seen) == 1 else None
    batches = [admitted(organisation, "mia") for _ in range(5)]
    outcomes = await store_batches(watched.database, grouped(organisation, *batches))
    assert [told(one) for one in outcomes] == [[ACCEPTED]] * 5
    assert watched.sizes == [5, 1, 1, 1, 1, 1]
    assert most == 1
    assert [one.hurried for (one,) in watched.seen] == [False] + [hurried] * 5


async def test_a_database_that_goes_away_meanwhile_is_not_asked_for_each(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer)
    faults = [psycopg.errors.LockNotAvailable(), None, psycopg.OperationalError("it is lost")]
    watched.fault = lambda _: faults[len(watched.seen) - 1]
    batches = [admitted(organisation, "mia") for _ in range(5)]
    with pytest.raises(psycopg.OperationalError):
        await store_batches(watched.database, grouped(organisation, *batches))
    assert len(watched.seen) == 3


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
    writer: Database, organisation: Organisation, other_organisation: Organisation
) -> None:
    watched = Watched(writer)
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
    assert counted(organisation) == (3, 3, 3)

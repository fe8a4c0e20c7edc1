"""Workers and organisations share the following of the log and the adoption of clients."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from footfall.journey.v1 import clients_pb2
from services.journey.refreshing import queries
from services.journey.refreshing.usecases import Adoption, Follower, adopting, following
from shared.database import Database, Tenant
from tests.integration.journey.conftest import HeldClock
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import make

_EVENTS = """
INSERT INTO app.events (org_id, id_time, event_id, occurred_at, received_at, content_hash, type_id,
  impact, client_id, data)
SELECT %s, now(), gen_random_uuid(), now() - n * interval '1 minute', now(), 0, 27, 1, c,
  '{"properties": {"sentiment": "negative"}}'
FROM generate_series(1, %s) AS n, unnest(%s::text[]) AS c
"""

_LOGGED = """
INSERT INTO app.event_log (org_id, position, event_ids, type_ids)
SELECT %s, n, ARRAY[gen_random_uuid()], ARRAY[1] FROM generate_series(1, %s) AS n
"""


def ingested(organisation: Organisation, each: int, *clients: str) -> None:
    """Events of before the log began that is followed."""
    organisation.database.execute(_EVENTS, organisation.org_id, each, list(clients))


def logged(organisation: Organisation, rows: int) -> None:
    """What does not matter, from long ago."""
    organisation.database.execute(_LOGGED, organisation.org_id, rows)


def position(organisation: Organisation) -> int | None:
    rows = organisation.database.execute(
        "SELECT position FROM app.journey_cursors WHERE org_id = %s", organisation.org_id
    )
    return rows[0][0] if rows else None


def stored(organisation: Organisation) -> dict[str, int]:
    rows = organisation.database.execute(
        "SELECT client_id, count(*) FROM app.journey_events WHERE org_id = %s GROUP BY client_id",
        organisation.org_id,
    )
    return dict(rows)


async def test_a_worker_passes_over_what_another_has_in_hand(
    *,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    for one in (organisation, other_organisation):
        logged(one, 3)
    second = Follower(worker, across, clock)
    async with worker.raw_transaction(Tenant(organisation.org_id, "service")) as raw:
        await queries.insert_cursor(raw, organisation.org_id)
    async with worker.raw_transaction(Tenant(organisation.org_id, "service")) as first:
        assert await queries.lock_cursor(first, organisation.org_id) == 0
        assert (await second.follow()).pieces == 1
        assert (position(organisation), position(other_organisation)) == (0, 3)
    assert (await second.follow()).pieces == 1, "it waited, and failed"
    assert position(organisation) == 3


async def test_what_does_not_matter_is_passed_by_one_who_gets_the_cursor(
    *, worker: Database, across: Database, clock: HeldClock, organisation: Organisation
) -> None:
    follower = Follower(worker, across, clock)
    await follower.follow()
    logged(organisation, 2)
    follower._seen = 0  # they are new to it, though their positions are low
    await follower.follow()
    clock.passes(seconds=61)
    async with worker.raw_transaction(Tenant(organisation.org_id, "service")) as raw:
        await queries.insert_cursor(raw, organisation.org_id)
    async with worker.raw_transaction(Tenant(organisation.org_id, "service")) as other:
        await queries.lock_cursor(other, organisation.org_id)
        await follower.follow()
    assert position(organisation) == 0
    clock.passes(seconds=61)
    await follower.follow()
    assert position(organisation) == 2


async def test_a_worker_that_begins_reads_what_does_not_matter_in_pieces_and_keeps_how_far(
    *,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "_LOG_ROWS", 4)
    logged(organisation, 10)
    for reached in (4, 8, 10):
        assert (await Follower(worker, across, clock).follow()).pieces == 1
        assert position(organisation) == reached
    assert (await Follower(worker, across, clock).follow()).pieces == 0


async def test_who_is_behind_is_found_by_the_key_of_the_log(
    across: Database, organisation: Organisation, other_organisation: Organisation
) -> None:
    logged(organisation, 20_000)
    assert await behind(across) == [organisation.org_id]
    organisation.database.execute("ANALYZE app.event_log")
    assert await behind(across) == [organisation.org_id]
    logged(other_organisation, 5_000)
    organisation.database.execute("ANALYZE app.event_log")
    assert {*await behind(across)} == {organisation.org_id, other_organisation.org_id}


async def behind(across: Database) -> list[UUID]:
    async with across.across_tenants() as raw:
        rows = await raw.execute("EXPLAIN " + queries._SELECT_BEHIND)
        plan = "\n".join([row[0] async for row in rows])
        assert "using event_log_pkey" in plan, plan
        return await queries.select_behind(raw)


async def test_an_organisation_that_adopts_much_lets_others_in_between(
    *,
    caller: Traveller,
    neighbour: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    other_organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adopting, "_EVENTS", 4)
    monkeypatch.setattr(adopting, "_CLIENTS", 2)
    ingested(organisation, 10, "ada", "bea")
    ingested(other_organisation, 2, "zoe")
    make(caller, "ada", "bea", "mia")
    make(neighbour, "zoe")
    adoption = Adoption(worker, across, clock)
    assert (await adoption.adopt()).clients == 1
    assert stored(organisation) == {"ada": 4}
    assert stored(other_organisation) == {"zoe": 2}
    for _ in range(5):
        assert (await adoption.adopt()).going_on
    assert stored(organisation) == {"ada": 10, "bea": 10}
    while (await adoption.adopt()).going_on:
        pass
    assert stored(organisation) == {"ada": 10, "bea": 10}


async def test_a_page_of_adoption_reads_few_events_of_many_clients(
    *,
    caller: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adopting, "_EVENTS", 20)
    monkeypatch.setattr(adopting, "_CLIENTS", 10)
    names = [f"c{number}" for number in range(10)]
    ingested(organisation, 20, *names)
    make(caller, *names)
    limits: list[tuple[int, int]] = []
    select = queries.select_told_of

    async def counted(*arguments: Any, **options: Any) -> Any:
        limits.append((len(arguments[2]), options["limit"]))
        return await select(*arguments, **options)

    monkeypatch.setattr(queries, "select_told_of", counted)
    await Adoption(worker, across, clock).adopt()
    assert sum(clients * limit for clients, limit in limits) <= 40
    assert sum(stored(organisation).values()) == 20


async def test_a_client_made_again_while_it_is_adopted_gets_its_past_too(
    *,
    caller: Traveller,
    worker: Database,
    across: Database,
    clock: HeldClock,
    organisation: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingested(organisation, 3, "ada", "bea")
    make(caller, "ada", "bea")
    monkeypatch.setattr(adopting, "_EVENTS", 3)
    monkeypatch.setattr(adopting, "_CLIENTS", 1)
    select, calls = queries.select_told_of, 0

    async def meanwhile(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:  # the page that ends with its last event
            await asyncio.to_thread(again, caller, "ada")
        return await select(*arguments, **options)

    monkeypatch.setattr(queries, "select_told_of", meanwhile)
    adoption = Adoption(worker, across, clock)
    while (await adoption.adopt()).going_on:
        pass
    assert calls > 4
    assert stored(organisation) == {"ada": 3, "bea": 3}


def again(caller: Traveller, client_id: str) -> None:
    caller.call("DeleteClient", clients_pb2.DeleteClientRequest(client_id=client_id))
    make(caller, client_id)

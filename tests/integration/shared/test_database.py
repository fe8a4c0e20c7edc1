"""The pool after an outage: what broke is replaced, whichever door it was lent through."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.database import Database, Statement, Tenant, WriteRefused
from tests.organisations import Organisation

SIZE = 4
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'outage'"
PAUSE = "SELECT pg_sleep(0.1)"

Door = Callable[[Database, Tenant], Coroutine[None, None, None]]


async def by_core(database: Database, tenant: Tenant) -> None:
    async with database.tenant_transaction(tenant) as transaction:
        await transaction.connection.execute(text(PAUSE))


async def by_hand(database: Database, tenant: Tenant) -> None:
    async with database.raw_transaction(tenant) as raw:
        await raw.execute(PAUSE)


async def by_snapshot(database: Database, tenant: Tenant) -> None:
    async with database.snapshot(tenant) as raw:
        await raw.execute(PAUSE)


async def by_pipeline(database: Database, tenant: Tenant) -> None:
    await database.in_one_round_trip([Statement(tenant, PAUSE, ())])


async def by_hand_in_a_pipeline(database: Database, tenant: Tenant) -> None:
    async with database.pipelined_transaction(tenant) as raw:
        await (await raw.execute(PAUSE)).fetchone()


DOORS = (by_core, by_hand, by_snapshot, by_pipeline, by_hand_in_a_pipeline)


@pytest.fixture
def tenant(organisation: Organisation) -> Tenant:
    return Tenant(organisation.org_id, "service", "backend")


@pytest.fixture
async def pool(organisation: Organisation) -> AsyncIterator[Database]:
    """All its connections are open."""
    url = organisation.database.urls["footfall_event_ingest"]
    opened = Database(url, application_name="outage", size=SIZE)
    await opened.open()
    yield opened
    await opened.close()


async def all_at_once(door: Door, pool: Database, tenant: Tenant) -> None:
    await asyncio.gather(*(door(pool, tenant) for _ in range(SIZE)))


def break_all(organisation: Organisation) -> None:
    organisation.database.execute(
        f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) AS ours", login=None
    )


@pytest.mark.parametrize("door", DOORS)
async def test_every_connection_that_broke_is_replaced(
    pool: Database, organisation: Organisation, tenant: Tenant, door: Door
) -> None:
    await all_at_once(door, pool, tenant)
    break_all(organisation)
    for _ in range(SIZE):
        with suppress(psycopg.OperationalError, DBAPIError):
            await door(pool, tenant)
    await all_at_once(door, pool, tenant)


async def test_a_write_that_meets_a_broken_connection_is_the_only_one(
    pool: Database, organisation: Organisation, tenant: Tenant
) -> None:
    await all_at_once(by_pipeline, pool, tenant)
    break_all(organisation)
    with pytest.raises(psycopg.OperationalError):
        await by_pipeline(pool, tenant)
    await all_at_once(by_pipeline, pool, tenant)


@pytest.mark.parametrize("door", DOORS)
async def test_a_caller_who_is_cancelled_more_than_once_costs_no_connection(
    pool: Database, tenant: Tenant, door: Door
) -> None:
    for _ in range(2 * SIZE):
        calling = asyncio.create_task(door(pool, tenant))
        await asyncio.sleep(0.03)
        while not calling.done():
            calling.cancel()
            await asyncio.sleep(0)
    await all_at_once(door, pool, tenant)


async def test_a_database_that_takes_questions_and_says_nothing_does_not_answer_a_ping(
    pool: Database, organisation: Organisation, tenant: Tenant
) -> None:
    await all_at_once(by_hand, pool, tenant)
    backends = [pid for (pid,) in organisation.database.execute(BACKENDS, login=None)]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.ping(), 20)
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    await pool.ping()


async def test_a_snapshot_sees_one_moment_and_writes_nothing(
    organisation: Organisation, tenant: Tenant
) -> None:
    url = organisation.database.urls["footfall_journey"]
    database = Database(url, application_name="test", size=1)
    await database.open()
    count = "SELECT count(*) FROM app.journey_norms WHERE org_id = %s"
    insert = "INSERT INTO app.journey_norms (org_id, day, project_visits) VALUES (%s, %s, 0)"
    async with database.snapshot(tenant) as raw:
        before = await (await raw.execute(count, (tenant.org_id,))).fetchone()
        organisation.database.execute(insert, tenant.org_id, "2026-01-01")
        after = await (await raw.execute(count, (tenant.org_id,))).fetchone()
    assert before == after == (0,)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with database.snapshot(tenant) as raw:
            await raw.execute(insert, (tenant.org_id, "2026-01-02"))
    async with database.raw_transaction(tenant) as raw:  # the same connection
        await raw.execute(insert, (tenant.org_id, "2026-01-03"))
        organisation.database.execute(insert, tenant.org_id, "2026-01-04")
        assert await (await raw.execute(count, (tenant.org_id,))).fetchone() == (3,)
    await database.close()


async def test_a_pipeline_writes_all_or_nothing_and_says_what_it_may_not(
    organisation: Organisation, tenant: Tenant
) -> None:
    url = organisation.database.urls["footfall_journey"]
    database = Database(url, application_name="test", size=1)
    await database.open()
    insert = "INSERT INTO app.journey_norms (org_id, day, project_visits) VALUES (%s, %s, 0)"
    forbidden = "INSERT INTO app.organisations (org_id, name) VALUES (%s, 'x')"

    async def write(day: str, then: str = "", error: Exception | None = None) -> None:
        async with database.pipelined_transaction(tenant) as raw:
            await raw.execute(insert, (tenant.org_id, day))
            if then:
                await raw.execute(then.encode(), (tenant.org_id,))
            if error:
                raise error

    await write("2026-01-01")
    with pytest.raises(WriteRefused):
        await write("2026-01-02", then=forbidden)
    with pytest.raises(LookupError):
        await write("2026-01-03", error=LookupError())
    assert organisation.database.execute("SELECT count(*) FROM app.journey_norms") == [(1,)]
    await database.close()

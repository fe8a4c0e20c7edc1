"""R30 to R32 and R35: whatever ends a request, the next one on that connection starts as nobody."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from shared.database import Database, RawConnection, Statement, Tenant
from tests.security.ground import OURS, THEIRS, Ground

A = Tenant(OURS, "service", "backend")
B = Tenant(THEIRS, "service", "backend")
SEEN = "SELECT DISTINCT org_id FROM app.events"


@pytest_asyncio.fixture
async def one_connection(ground: Ground) -> AsyncIterator[Database]:
    """A pool of one: the next request gets what the one before left behind."""
    database = Database(
        ground.database.urls["footfall_event_ingest"], application_name="test", size=1
    )
    await database.open()
    yield database
    await database.close()


async def commit(database: Database, _: Ground) -> None:
    async with database.raw_transaction(A) as raw:
        await raw.execute(SEEN)


async def commit_core(database: Database, _: Ground) -> None:
    async with database.tenant_transaction(A) as transaction:
        await transaction.connection.execute(text(SEEN))


async def commit_in_one_round_trip(database: Database, _: Ground) -> None:
    statement = Statement(A, SEEN, ())
    assert await database.in_one_round_trip([statement]) == [(OURS,)]


async def exception(database: Database, _: Ground) -> None:
    with suppress(ZeroDivisionError):
        async with database.raw_transaction(A):
            raise ZeroDivisionError


async def exception_core(database: Database, _: Ground) -> None:
    with suppress(ZeroDivisionError):
        async with database.tenant_transaction(A):
            raise ZeroDivisionError


async def failed_statement(database: Database, _: Ground) -> None:
    with suppress(psycopg.DataError):
        async with database.raw_transaction(A) as raw:
            await raw.execute("SELECT 1/0")


async def failed_pipeline(database: Database, _: Ground) -> None:
    statements = [Statement(A, SEEN, ()), Statement(A, "SELECT 1/0", ()), Statement(A, SEEN, ())]
    with suppress(psycopg.DataError):
        await database.in_one_round_trip(statements)


async def cancelled(database: Database, _: Ground) -> None:
    await _cancelled(_sleeping(database))


async def cancelled_core(database: Database, _: Ground) -> None:
    async def sleep() -> None:
        async with database.tenant_transaction(A) as transaction:
            await transaction.connection.execute(text("SELECT pg_sleep(5)"))

    await _cancelled(sleep())


async def cancelled_pipeline(database: Database, _: Ground) -> None:
    await _cancelled(database.in_one_round_trip([Statement(A, "SELECT pg_sleep(5)", ())]))


async def cancelled_between_statements(database: Database, _: Ground) -> None:
    async def wait() -> None:
        async with database.raw_transaction(A) as raw:
            await raw.execute(SEEN)
            await asyncio.sleep(5)

    await _cancelled(wait())


async def deadline(database: Database, _: Ground) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await _sleeping(database)


async def statement_timeout(database: Database, _: Ground) -> None:
    with suppress(psycopg.errors.QueryCanceled):
        async with database.raw_transaction(A) as raw:
            await raw.execute("SET LOCAL statement_timeout = '50ms'")
            await raw.execute("SELECT pg_sleep(5)")


async def killed(database: Database, ground: Ground) -> None:
    with suppress(psycopg.OperationalError):
        async with database.raw_transaction(A) as raw:
            with ground.database.connect() as admin:
                admin.execute("SELECT pg_terminate_backend(%s)", (raw.info.backend_pid,))
            await raw.execute(SEEN)


async def own_rollback(database: Database, _: Ground) -> None:
    async with database.raw_transaction(A) as raw:
        await raw.rollback()


ENDS: list[Callable[[Database, Ground], Awaitable[None]]] = [
    commit, commit_core, commit_in_one_round_trip,
    exception, exception_core, failed_statement, failed_pipeline,
    cancelled, cancelled_core, cancelled_pipeline, cancelled_between_statements,
    deadline, statement_timeout, killed, own_rollback,
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_nothing_of_a_request_is_left_however_it_ends(
    one_connection: Database, ground: Ground, end: Callable[[Database, Ground], Awaitable[None]]
) -> None:
    await end(one_connection, ground)
    async with one_connection.across_tenants() as raw:
        assert await _settings(raw) in {(None, None, None), ("", "", "")}
        assert await _organisations(raw) == []
    async with one_connection.raw_transaction(B) as raw:
        assert await _organisations(raw) == [THEIRS]


async def test_a_statement_after_the_rollback_of_a_transaction_belongs_to_nobody(
    one_connection: Database,
) -> None:
    async with one_connection.raw_transaction(A) as raw:
        assert await _organisations(raw) == [OURS]
        await raw.rollback()
        assert await _organisations(raw) == []


async def test_an_identity_that_was_set_for_a_whole_session_is_overwritten(
    one_connection: Database,
) -> None:
    """No code of ours does so; the pool would not notice if it did."""
    async with one_connection.raw_transaction(A) as raw:
        await raw.execute(
            "SELECT set_config('app.org_id', %s, false), set_config('app.role', 'owner', false)",
            (str(OURS),),
        )
    async with one_connection.raw_transaction(B) as raw:
        assert await _organisations(raw) == [THEIRS]
    async with one_connection.tenant_transaction(B) as transaction:
        assert await _organisations(transaction.raw) == [THEIRS]
    assert await one_connection.in_one_round_trip([Statement(B, SEEN, ())]) == [(THEIRS,)]
    async with one_connection.across_tenants() as raw:
        assert await _organisations(raw) == []


async def test_a_prepared_plan_serves_the_next_organisation(one_connection: Database) -> None:
    for tenant in (*[A] * 8, B, A):
        async with one_connection.raw_transaction(tenant) as raw:
            assert await _organisations(raw) == [tenant.org_id]


async def test_a_round_trip_for_two_organisations_keeps_them_apart(
    one_connection: Database,
) -> None:
    statements = [Statement(tenant, SEEN, ()) for tenant in (A, B, A)]
    assert await one_connection.in_one_round_trip(statements) == [(OURS,), (THEIRS,), (OURS,)]


async def test_the_text_of_a_statement_does_not_hold_the_identity(
    one_connection: Database, ground: Ground
) -> None:
    """R12: every login sees the statements of its own sessions in pg_stat_activity."""
    async with one_connection.raw_transaction(A) as raw:
        shown = ground.database.execute(
            "SELECT query FROM pg_stat_activity WHERE pid = %s", raw.info.backend_pid, login=None
        )
    assert shown == [("SELECT app.set_identity($1, $2, $3)",)]


async def test_a_request_leaves_no_temporary_table(one_connection: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with one_connection.raw_transaction(A) as raw:
            await raw.execute("CREATE TEMP TABLE kept AS SELECT * FROM app.events")


async def test_a_crowd_that_is_cancelled_at_random_never_sees_a_neighbour(ground: Ground) -> None:
    database = Database(
        ground.database.urls["footfall_event_ingest"], application_name="test", size=4
    )
    await database.open()
    answers: list[tuple[UUID, list[UUID]]] = []
    dice = random.Random(7)

    async def request(tenant: Tenant) -> None:
        way = dice.randrange(3)
        if way == 0:
            async with database.raw_transaction(tenant) as raw:
                answers.append((tenant.org_id, await _organisations(raw)))
        elif way == 1:
            async with database.tenant_transaction(tenant) as transaction:
                found = await transaction.connection.execute(text(SEEN))
                answers.append((tenant.org_id, [row.org_id for row in found]))
        else:
            (row,) = await database.in_one_round_trip([Statement(tenant, SEEN, ())])
            answers.append((tenant.org_id, list(row or ())))

    async def caller() -> None:
        for _ in range(25):
            calling = asyncio.create_task(request(dice.choice((A, B))))
            if dice.random() < 0.3:
                await asyncio.sleep(dice.random() * 0.02)
                calling.cancel()
            with suppress(asyncio.CancelledError):
                await calling

    await asyncio.gather(*(caller() for _ in range(64)))
    await database.close()
    assert len(answers) > 64 * 25 // 2
    assert [pair for pair in answers if pair[1] != [pair[0]]] == []


async def _sleeping(database: Database) -> None:
    async with database.raw_transaction(A) as raw:
        await raw.execute("SELECT pg_sleep(5)")


async def _cancelled(request: Awaitable[object]) -> None:
    task = asyncio.ensure_future(request)
    await asyncio.sleep(0.1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _settings(raw: RawConnection) -> object:
    found = await raw.execute(
        "SELECT current_setting('app.org_id', true), current_setting('app.role', true),"
        " current_setting('app.user_id', true)"
    )
    return await found.fetchone()


async def _organisations(raw: RawConnection) -> list[UUID]:
    return [org for (org,) in await (await raw.execute(SEEN)).fetchall()]

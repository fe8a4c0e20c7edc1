"""How long a tier is held: what grows with its subscribers is done while nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg

from services.pricing.approvals.queries import select_approval
from services.pricing.approvals.rules.approval import Decision
from services.pricing.approvals.usecases import approve_price_change
from shared.database import Database
from shared.identity.identity import Identity, Role
from tests.effecting import Hands, state_of
from tests.guarding import ANN, BOB, Till


async def test_whom_a_price_is_to_reach_is_looked_up_while_nobody_waits(
    till: Till, worker: Hands
) -> None:
    till.subscribe()
    assert till.apply(till.agreed(900)) == "OK"
    async with stopped_at_subscribers(till, worker.reaching.reach_due()) as reached:
        assert not held(till)
    assert await reached == 1
    assert till.pays() == 900


async def test_whom_a_price_concerns_is_counted_before_it_is_agreed_to(
    till: Till, worker: Hands
) -> None:
    till.subscribe()
    request = till.request(ANN, 900)
    async with stopped_at_subscribers(till, agree(till, worker.database, request)) as agreed:
        assert not held(till)
    _, change = await agreed
    assert (change.subscribers, change.notices_delivered, change.subscribers_effective) == (1, 0, 0)
    assert state_of(till, change.price_change_id) == 1


async def agree(till: Till, database: Database, request: UUID) -> Any:
    """As `ApprovePriceChange` does."""
    bob = Identity(till.org, BOB, Role.ADMIN)
    async with database.raw_transaction(bob.tenant) as raw:
        asked = await select_approval(raw, till.org, request)
        assert asked is not None
        said = Decision(request, asked.etag(till.org), "yes")
        return await approve_price_change(raw, bob, said)


async def stopped(till: Till) -> None:
    """Somebody waits for a lock."""
    waits = (
        "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE NOT l.granted AND d.datname = current_database()"
        " AND l.relation = 'app.subscription_prices'::regclass"
    )
    async with asyncio.timeout(30):
        found = False
        while not found:
            await asyncio.sleep(0.02)
            found = bool(till.database.execute(waits, login=None))


@asynccontextmanager
async def stopped_at_subscribers(
    till: Till, work: Coroutine[Any, Any, Any]
) -> AsyncIterator[asyncio.Task[Any]]:
    """The work, while it cannot read what subscribers pay."""
    with till.database.connect() as admin:
        admin.autocommit = False
        admin.execute(b"LOCK TABLE app.subscription_prices IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(work)
        await stopped(till)
        yield task
        admin.rollback()


def held(till: Till) -> bool:
    """Whether somebody else holds the price in force."""
    with till.database.connect() as admin, admin.transaction():
        try:
            admin.execute(b"SELECT FROM app.price_versions FOR NO KEY UPDATE NOWAIT")
        except psycopg.errors.LockNotAvailable:
            return True
    return False

"""Many at once: one of them acts, the others find it done, and nobody waits for each other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import psycopg_pool
import pytest

from services.pricing.changes.errors import AlreadyApplied, InHand
from services.pricing.changes.queries import acting
from services.pricing.changes.usecases.applying import apply_price_change
from services.pricing.changes.usecases.turns import as_worker
from shared.database import Database, Tenant
from tests.effecting import (
    CANCELLED,
    EFFECTIVE,
    STALE,
    SUPERSEDED,
    Hands,
    acts,
    audited,
    hands,
    listen,
    logged,
    messages,
    shop,
    state_of,
    versions,
)
from tests.guarding import ANN, BOB, CARL, Till
from tests.postgres import MigratedDatabase

AT_ONCE = 200
TOO_SLOW = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
"""What a busy machine does; of those who wait for each other Postgres says something else."""
APPLIED = "price_change.apply"


@pytest.fixture
async def workers(database: MigratedDatabase) -> AsyncIterator[list[Hands]]:
    """Four of them."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(hands(database)) for _ in range(4)]


async def outcome(work: Awaitable[Any]) -> str:
    """What came of it, in a word."""
    try:
        return str(await work)
    except (AlreadyApplied, InHand, psycopg_pool.PoolTimeout) as error:
        return type(error).__name__


async def applied(database: Database, till: Till, change: UUID) -> str:
    """The state after the worker's use case."""
    return (await apply_price_change(database, till.org, change)).state.name


async def word(database: Database, till: Till, change: UUID) -> str:
    """Of the guard's function alone, without a lease."""
    async with database.raw_transaction(as_worker(till.org)) as raw:
        return await acting.update_applied(raw, till.org, change)


async def test_of_two_hundred_who_apply_one_change_one_does(
    till: Till, workers: list[Hands], rounds: int
) -> None:
    listen(till)
    for number in range(rounds):
        change = till.agreed(900 - number)
        told = Counter(
            await asyncio.gather(
                *(
                    outcome(applied(workers[one % 4].database, till, change))
                    for one in range(AT_ONCE)
                )
            )
        )
        assert told.pop("EFFECTIVE") == 1
        assert told.keys() <= {"AlreadyApplied", "InHand", "PoolTimeout"}
        assert await outcome(applied(workers[0].database, till, change)) == "AlreadyApplied"
        assert acts(till, change) == {APPLIED: 1}
        assert versions(till)[-1] == (number + 2, 900 - number, True)
    assert len(audited(till, APPLIED)) == len(messages(till)) == rounds
    assert len({one for one, _ in messages(till)}) == rounds
    assert len(audited(till, "price_change.supersede")) == rounds - 1


async def test_the_database_lets_one_of_two_hundred_do_it_whoever_holds_the_lease(
    till: Till, workers: list[Hands], rounds: int
) -> None:
    for number in range(rounds):
        change = till.agreed(900 - number)
        told = Counter(
            await asyncio.gather(
                *(outcome(word(workers[one % 4].database, till, change)) for one in range(AT_ONCE))
            )
        )
        assert told.pop("OK") == 1
        assert told.keys() <= {"ALREADY_APPLIED", "PoolTimeout"}
        assert len(versions(till)) == number + 2


async def test_workers_share_what_is_due_and_double_nothing(
    database: MigratedDatabase, workers: list[Hands]
) -> None:
    tills = [shop(database, f"Shop {number}") for number in range(12)]
    changes = [one.agreed(900) for one in tills]
    for _ in range(3):
        await asyncio.gather(*(one.applying.apply_due() for one in workers))
    for till, change in zip(tills, changes, strict=True):
        assert acts(till, change) == {APPLIED: 1}
        assert versions(till) == [(1, 1000, False), (2, 900, True)]


async def test_of_many_changes_of_one_tier_one_takes_effect_and_the_others_are_stale(
    till: Till, workers: list[Hands]
) -> None:
    changes = [till.agreed(900 - number) for number in range(8)]
    random.Random(1).shuffle(changes)
    await asyncio.gather(
        *(
            outcome(word(workers[number % 4].database, till, change))
            for number, change in enumerate(changes * 3)
        )
    )
    states = Counter(state_of(till, one) for one in changes)
    assert states == {EFFECTIVE: 1, STALE: 7}
    assert len(versions(till)) == 2


async def test_a_cancellation_and_an_application_at_once_come_to_one_end(
    till: Till, workers: list[Hands]
) -> None:
    for number in range(12):
        soon = datetime.now(UTC) + timedelta(milliseconds=80)
        change = till.request(ANN, 900 - number, effective=soon)
        assert till.decide(BOB, change) == "OK"
        cancelled, told = await asyncio.gather(
            asyncio.to_thread(
                till.ask, BOB, "admin", "SELECT app.price_cancel(%s, %s, 1, 'no')", till.org, change
            ),
            once_due(workers[0].database, till, change),
        )
        assert (cancelled, told) in {("OK", "OVER"), ("DUE", "OK"), ("ALREADY_APPLIED", "OK")}
        assert state_of(till, change) == (CANCELLED if cancelled == "OK" else EFFECTIVE)
    assert versions(till)[-1][2]


async def once_due(database: Database, till: Till, change: UUID) -> str:
    """The guard's word when the time has come."""
    async with asyncio.timeout(60):
        told = "TOO_EARLY"
        while told == "TOO_EARLY":
            await asyncio.sleep(0.005)
            told = await word(database, till, change)
    return told


async def test_nobody_waits_for_each_other_and_no_request_outlives_its_base(
    till: Till, workers: list[Hands], caplog: pytest.LogCaptureFixture
) -> None:
    """Who asks, decides, cancels, tells and applies at once, on one tier: no deadlock."""
    chance, agreed = random.Random(7), [0] * 4
    people = [asyncio.create_task(trade(till, workers[one], one, agreed)) for one in range(4)]
    async with asyncio.timeout(60):
        while min(agreed) < 12:
            await asyncio.sleep(chance.uniform(0, 0.02))
            await workers[0].applying.apply_due()
            await workers[1].expiring.expire_due()
            await workers[2].reaching.reach_due()
        await asyncio.gather(*people)
    failures = [one.exc_info[1] for one in caplog.records if one.exc_info]
    assert all(isinstance(one, TOO_SLOW) for one in failures), failures
    await workers[0].applying.apply_due()
    newest = versions(till)[-1][0]
    assert newest > 1
    left = till.database.execute(
        "SELECT r.base_version FROM app.approvals a JOIN app.approval_revisions r"
        " USING (org_id, approval_id, revision) WHERE org_id = %s AND a.state IN (1, 4)", till.org,
    )  # fmt: skip
    assert {base for (base,) in left} <= {newest}
    ends = till.database.execute(
        "SELECT price_change_id, state, base_version FROM app.price_changes WHERE org_id = %s",
        till.org,
    )
    assert {base for _, state, base in ends if state in {1, 2}} <= {newest}
    for change, state, _ in ends:
        assert acts(till, change)[APPLIED] == (state in {EFFECTIVE, SUPERSEDED})
    stale = till.database.execute(
        "SELECT approval_id FROM app.approvals WHERE org_id = %s AND state = 5", till.org
    )
    assert set(logged(till)) <= {one for (one,) in stale}


async def trade(till: Till, worker: Hands, number: int, agreed: list[int]) -> None:
    """Somebody who asks, somebody who decides, now and then somebody who thinks better of it."""
    chance = random.Random(number)
    while min(agreed) < 12:
        approval = uuid4()
        word = await said(
            worker.database, till, ANN,
            "SELECT app.price_request(%s, %s, NULL, 'pro', %s, 'EUR', NULL, 'why', '{}', '[]',"
            " 'ann', NULL, NULL)", till.org, approval, chance.randrange(1, 999),
        )  # fmt: skip
        assert word in {"OK", "NOTICE", "SAME_PRICE", None}
        if word == "OK" and chance.random() < 0.7:
            agreed[number] += 1
            await decide(worker.database, till, approval, chance)


async def decide(database: Database, till: Till, approval: UUID, chance: random.Random) -> None:
    word = await said(
        database, till, CARL,
        "SELECT app.price_decide(%s, %s, 1, (SELECT content_hash FROM app.approval_revisions"
        " WHERE org_id = %s AND approval_id = %s), 1::smallint, 'yes', %s)",
        till.org, approval, till.org, approval, approval,
    )  # fmt: skip
    assert word in {"OK", "ETAG", "DECIDED", "STALE", None}
    if word == "OK" and chance.random() < 0.2:
        cancel = "SELECT app.price_cancel(%s, %s, 1, 'no')"
        word = await said(database, till, BOB, cancel, till.org, approval)
        assert word in {"OK", "DUE", "ALREADY_APPLIED", "OVER", None}


async def said(
    database: Database, till: Till, who: str, statement: str, *values: object
) -> str | None:
    """The guard's word; None for who found no connection, or waited too long."""
    role = "owner" if who == CARL else "admin"
    try:
        async with database.raw_transaction(Tenant(till.org, role, who)) as raw:
            row = await (await raw.execute(statement.encode(), values)).fetchone()
    except (psycopg_pool.PoolTimeout, *TOO_SLOW):
        return None
    assert row is not None
    return str(row[0])

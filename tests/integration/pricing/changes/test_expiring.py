"""Requests that nobody decides come to an end by themselves, each once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from tests.effecting import Hands, acts, hands, logged
from tests.guarding import ANN, BOB, Till
from tests.postgres import MigratedDatabase

OPEN_FOR = timedelta(hours=336)
PENDING, APPROVED, CHANGES_REQUESTED, EXPIRED = 1, 2, 4, 6


def grow_old(till: Till, by: timedelta = OPEN_FOR) -> None:
    till.database.execute("UPDATE app.approvals SET expires_at = expires_at - %s", by)


def states(till: Till, *approvals: UUID) -> list[int]:
    return [till.state(one)[0] for one in approvals]


async def test_after_fourteen_days_a_request_is_over(till: Till, worker: Hands) -> None:
    waiting, wanted, agreed = till.request(ANN, 900), till.request(ANN, 800), till.agreed(700)
    till.decide(BOB, wanted, 3)
    assert await worker.expiring.expire_due() == 0
    grow_old(till)
    young = till.request(ANN, 600)
    assert await worker.expiring.expire_due() == 2
    assert states(till, waiting, wanted, agreed, young) == [EXPIRED, EXPIRED, APPROVED, PENDING]
    assert acts(till, waiting) == acts(till, wanted) == {"approval.expire": 1}
    assert sorted(logged(till)) == sorted([waiting, wanted])
    assert await worker.expiring.expire_due() == 0
    assert till.decide(BOB, waiting) == "DECIDED"


async def test_not_a_moment_before(till: Till, worker: Hands) -> None:
    request = till.request(ANN, 900)
    grow_old(till, OPEN_FOR - timedelta(seconds=60))
    assert await worker.expiring.expire_due() == 0
    grow_old(till, timedelta(seconds=61))
    assert await worker.expiring.expire_due() == 1
    assert states(till, request) == [EXPIRED]


async def test_several_workers_let_each_expire_once(
    database: MigratedDatabase, till: Till, worker: Hands
) -> None:
    requests = [till.request(ANN, 900 - number) for number in range(20)]
    grow_old(till)
    async with hands(database) as other:
        counts = await asyncio.gather(
            *(one.expiring.expire_due() for one in (worker, other, worker, other))
        )
    assert sum(counts) == 20
    assert states(till, *requests) == [EXPIRED] * 20
    assert [acts(till, one) for one in requests] == [{"approval.expire": 1}] * 20
    assert sorted(logged(till)) == sorted(requests)


async def test_a_verdict_at_that_moment_and_the_end_come_to_one(till: Till, worker: Hands) -> None:
    for number in range(10):
        request = till.request(ANN, 900 - number)
        grow_old(till)
        word, count = await asyncio.gather(
            asyncio.to_thread(till.decide, BOB, request, 2), worker.expiring.expire_due()
        )
        assert (word, count) in {("EXPIRED", 0), ("ETAG", 1), ("DECIDED", 1)}
        assert states(till, request) == [EXPIRED]


async def test_without_its_audit_row_a_request_stays_open(till: Till, worker: Hands) -> None:
    request = till.request(ANN, 900)
    grow_old(till)
    till.database.execute("REVOKE INSERT ON app.audit_entries FROM footfall_pricing")
    assert await worker.expiring.expire_due() == 0
    assert states(till, request) == [PENDING]
    assert logged(till) == []

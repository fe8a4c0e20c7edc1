from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from shared.database import Database


async def test_long_work_takes_turns_and_leaves_half_of_the_connections() -> None:
    database = Database("postgresql://nowhere", application_name="test", size=4)
    at_work: list[UUID] = []
    most = 0

    async def work(org_id: UUID) -> None:
        nonlocal most
        async with database.turn(org_id):
            assert org_id not in at_work
            at_work.append(org_id)
            most = max(most, len(at_work))
            await asyncio.sleep(0)
            at_work.remove(org_id)

    organisations = [uuid4() for _ in range(3)]
    await asyncio.gather(*(work(org_id) for org_id in organisations * 2))
    assert most == 2
    assert not at_work

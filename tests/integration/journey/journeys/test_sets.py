"""Events of many clients cost as many statements as those of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from psycopg import AsyncConnection

from services.journey.catalogue.usecases import read_settings
from services.journey.journeys import wire
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.usecases import restate, track_journey_events
from shared.database import Database
from shared.identity.identity import Identity, Role
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.travels import BILLING, LEAD, ONBOARDING, happening, make

ENOUGH = 12
"""Statements."""


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    run: list[str] = []
    execute = AsyncConnection.execute

    async def counting(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        run.append(str(query))
        return await execute(connection, query, *arguments, **options)

    with patch.object(AsyncConnection, "execute", counting):
        yield run


async def test_tracking_and_restating_are_done_in_sets(
    caller: Traveller, worker: Database, organisation: Organisation
) -> None:
    clients = [f"c{number}" for number in range(40)]
    make(caller, *clients)
    backend = Identity(organisation.org_id, "backend", Role.SERVICE)
    needed: dict[str, set[int]] = {}
    for some in (clients[:1], clients[1:]):
        for kind, days_ago, stage in (
            ("first", 5, ONBOARDING), ("next", 3, LEAD), ("late", 4, BILLING),
        ):  # fmt: skip
            sent = [happening(one, "moved", days_ago, stage) for one in some]
            arrivals, now = wire.from_batch(sent, to_micros(datetime.now(UTC)))
            with counted() as run:
                results = await track_journey_events(worker, backend, arrivals, now)
            assert all(one.error is None for one in results)
            needed.setdefault(kind, set()).add(len(run))
        async with worker.raw_transaction(organisation.tenant()) as raw:
            settings = await read_settings(raw, organisation.org_id)
            with counted() as run:
                await restate(
                    raw, organisation.org_id, some, to_micros(datetime.now(UTC)), settings
                )
            needed.setdefault("restated", set()).add(len(run))
    assert all(len(counts) == 1 for counts in needed.values()), needed
    assert max(max(counts) for counts in needed.values()) <= ENOUGH, needed

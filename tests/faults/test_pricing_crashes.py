"""Changes of prices survive the death of the worker and of Postgres: each is made, and none twice.

Who dies between two steps leaves nothing or all of it; who comes after does what is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from shared.embedded import EmbeddedPostgres
from tests.bargaining import running_pricing_worker
from tests.effecting import (
    EFFECTIVE,
    STALE,
    SUPERSEDED,
    acts,
    audited,
    listen,
    logged,
    messages,
    shop,
    state_of,
    versions,
)
from tests.guarding import ANN, Till
from tests.postgres import MigratedDatabase, Template, cluster
from tests.programs import Program
from tests.tripwire import Tripwire

NOWHERE = -1
"""Steps are counted, and nobody dies."""

APPLIED = "price_change.apply"


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        await asyncio.sleep(0.05)


class Series:
    """Changes of one tier, one after the other; each leaves somebody's request behind."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.changes: list[UUID] = []
        self.overtaken: list[UUID] = []

    def due(self) -> UUID:
        """The next change, whose time has come."""
        amount = 900 - len(self.changes)
        self.overtaken.append(self.till.request(ANN, amount - 500))
        change = self.till.request("carl", amount, role="owner")
        self.changes.append(change)
        return change

    def begin(self, change: UUID) -> None:
        """Somebody agrees, and so it is due at once."""
        assert self.till.decide("bob", change) == "OK"

    def is_done(self, change: UUID) -> bool:
        return state_of(self.till, change) == EFFECTIVE

    def assert_each_is_made_once(self) -> None:
        *before, last = self.changes
        assert [state_of(self.till, one) for one in before] == [SUPERSEDED] * len(before)
        assert state_of(self.till, last) == EFFECTIVE
        assert acts(self.till, last) == {APPLIED: 1}
        for one in before:
            assert acts(self.till, one) == {APPLIED: 1, "price_change.supersede": 1}
        for one in self.overtaken:
            assert self.till.state(one)[0] == STALE
            assert acts(self.till, one) == {"approval.stale": 1}
        assert logged(self.till) == self.overtaken
        told = [UUID(body["data"]["price_change_id"]) for _, body in messages(self.till)]
        assert told == self.changes
        assert len({message_id for message_id, _ in messages(self.till)}) == len(told)
        numbers = [(number, in_force) for number, _, in_force in versions(self.till)]
        assert numbers == [(one, one == len(told) + 1) for one in range(1, len(told) + 2)]
        assert_the_log_is_whole(self.till)


def assert_the_log_is_whole(till: Till) -> None:
    """Without a gap, each entry on the one before."""
    rows = till.database.execute(
        "SELECT sequence, previous_hash, entry_hash FROM app.audit_entries WHERE org_id = %s"
        " ORDER BY sequence", till.org,
    )  # fmt: skip
    assert [sequence for sequence, _, _ in rows] == list(range(1, len(rows) + 1))
    for (_, _, before), (_, previous, _) in pairwise(rows):
        assert bytes(before) == bytes(previous)


async def test_a_worker_killed_between_any_two_steps_leaves_nothing_or_all_of_it(
    database: MigratedDatabase, cycles: int
) -> None:
    """Each worker does what the one before it left, and dies of the next change.

    The points lie on both sides of each step; with a hundred cycles each has its turn.
    """
    till = shop(database)
    listen(till)
    series = Series(till)
    with Tripwire(database.urls["footfall_pricing"]) as wire:
        async with AsyncExitStack() as first:
            worker = await a_worker(first, database, wire)
            change = series.due()
            wire.arm(str(change), NOWHERE, worker.process.pid)
            series.begin(change)
            await until(lambda: wire.points > 0)
            assert series.is_done(change)
            worker.send(signal.SIGKILL)
            await worker.ended()
        for number in range(cycles):
            point = number * max(1, wire.points // cycles) % wire.points
            async with AsyncExitStack() as mortal:
                worker = await a_worker(mortal, database, wire)
                await until(lambda: series.is_done(series.changes[-1]))
                change = series.due()
                wire.arm(str(change), point, worker.process.pid)
                series.begin(change)
                assert await worker.ended() == -signal.SIGKILL
        async with AsyncExitStack() as last:
            await a_worker(last, database, wire)
            await until(lambda: series.is_done(series.changes[-1]))
        assert wire.kills == cycles
    series.assert_each_is_made_once()


async def a_worker(stack: AsyncExitStack, database: MigratedDatabase, wire: Tripwire) -> Program:
    way = {"FOOTFALL_PRICING_DATABASE_URL": wire.url}
    return await stack.enter_async_context(running_pricing_worker(database, **way))


def kill_all_of_postgres(postgres: EmbeddedPostgres) -> None:
    """The postmaster and its children, as a machine's death would end them."""
    assert postgres.pid is not None
    children = Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    for pid in (postgres.pid, *map(int, children)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@contextmanager
def held_up(till: Till) -> Iterator[Callable[[], bool]]:
    """Nobody gets at the end of the audit log; says whether somebody waits for it."""
    held = till.database.connect()
    held.execute("BEGIN")
    held.execute(b"SELECT 1 FROM app.audit_heads WHERE org_id = %s FOR UPDATE", (till.org,))
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = %s"
    try:
        yield lambda: bool(till.database.execute(waits, "footfall_pricing", login=None))
    finally:
        with suppress(psycopg.Error):
            held.close()


@dataclass
class Mortal:
    """A database in a cluster of the test's own, which will be killed."""

    postgres: EmbeddedPostgres
    database: MigratedDatabase


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    with cluster() as postgres, Template(postgres).clone() as database:
        yield Mortal(postgres, database)


async def test_postgres_killed_in_the_middle_is_waited_for_and_each_is_made_once(
    mortal: Mortal, cycles: int
) -> None:
    till = shop(mortal.database)
    listen(till)
    series = Series(till)
    async with running_pricing_worker(mortal.database) as worker:
        series.begin(series.due())  # the log begins with it
        await until(lambda: series.is_done(series.changes[-1]))
        for _ in range(cycles):
            with held_up(till) as waits:
                series.begin(series.due())
                await until(waits)
                kill_all_of_postgres(mortal.postgres)
            await mortal.postgres.restart()
            await until(lambda: series.is_done(series.changes[-1]))
        assert worker.process.returncode is None
    series.assert_each_is_made_once()
    assert len(audited(till, APPLIED)) == cycles + 1

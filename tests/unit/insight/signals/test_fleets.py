"""A fleet's quartile is computed once for all who ask, whoever of them goes away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest

from services.insight.signals import queries
from services.insight.signals.usecases import Fleets
from shared.database import Tenant

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
TENANT = Tenant(uuid4(), "backend")


class Held:
    """The database: answers when it is let go."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []
        self.value: float | None = 7.5
        self.go = asyncio.Event()
        self.fails = False

    async def select(self, _database: Any, _tenant: Tenant, as_of: datetime) -> float | None:
        self.asked.append(as_of)
        await self.go.wait()
        if self.fails:
            raise ConnectionError
        return self.value


class Monotonic:
    """Goes on when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    monkeypatch.setattr(queries, "select_quartile", held.select)
    return held


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    clock = Monotonic()
    monkeypatch.setattr("services.insight.signals.usecases.time", clock)
    return clock


@pytest.fixture
def fleets() -> Fleets:
    return Fleets(cast("Any", None))


async def wait_for(fleets: Fleets, as_of: datetime = NOON) -> float | None:
    return await asyncio.shield(fleets.ask(TENANT, as_of))


async def let_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_crowd_that_asks_for_what_is_unknown_computes_it_once(
    fleets: Fleets, held: Held
) -> None:
    crowd = [asyncio.create_task(wait_for(fleets)) for _ in range(256)]
    await let_run()
    held.go.set()
    assert set(await asyncio.gather(*crowd)) == {7.5}
    assert held.asked == [NOON]


async def test_who_is_cut_off_leaves_the_answer_to_the_next(fleets: Fleets, held: Held) -> None:
    hurried = asyncio.create_task(wait_for(fleets))
    await let_run()
    hurried.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hurried
    held.go.set()
    assert await wait_for(fleets) == 7.5
    assert await wait_for(fleets) == 7.5
    assert held.asked == [NOON]


@pytest.mark.usefixtures("clock")
async def test_the_first_of_a_new_quarter_hour_computes_and_others_do_not_wait(
    fleets: Fleets, held: Held
) -> None:
    held.go.set()
    await wait_for(fleets)
    held.go.clear()
    held.value = 9.0
    first = asyncio.create_task(wait_for(fleets, NOON + QUARTER))
    await let_run()
    assert await wait_for(fleets, NOON + QUARTER) == 7.5
    held.go.set()
    assert await first == 9.0
    assert await wait_for(fleets, NOON + QUARTER) == 9.0
    assert held.asked == [NOON, NOON + QUARTER]


async def test_it_is_renewed_in_time_and_never_told_when_older_than_a_minute(
    fleets: Fleets, held: Held, clock: Monotonic
) -> None:
    held.go.set()
    await wait_for(fleets)
    held.go.clear()
    held.value = 9.0
    clock.now = 50.0
    assert [await wait_for(fleets) for _ in range(3)] == [7.5] * 3
    clock.now = 60.0
    late = [asyncio.create_task(wait_for(fleets, at)) for at in (NOON, NOON)]
    await let_run()
    assert not any(one.done() for one in late)
    held.go.set()
    assert await asyncio.gather(*late) == [9.0, 9.0]
    assert held.asked == [NOON, NOON]
    clock.now = 110.0  # it counts from when it was asked for
    held.go.clear()
    waiting = asyncio.create_task(wait_for(fleets))
    await let_run()
    assert not waiting.done()
    held.go.set()
    await waiting


async def test_what_fails_is_asked_for_again(fleets: Fleets, held: Held) -> None:
    held.go.set()
    held.fails = True
    with pytest.raises(ConnectionError):
        await wait_for(fleets)
    held.fails = False
    await let_run()
    assert await wait_for(fleets) == 7.5


async def test_organisations_have_their_own(fleets: Fleets, held: Held) -> None:
    held.go.set()
    await wait_for(fleets)
    held.value = 3.0
    assert await fleets.ask(Tenant(uuid4(), "backend"), NOON) == 3.0
    assert await wait_for(fleets) == 7.5
    assert len(held.asked) == 2

"""Organisations in their turn: what fails for one stops no other, and is left for a while."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest

from services.pricing.changes.usecases.turns import AT_ONCE, Turns

ACME, GLOBEX = UUID(int=1), UUID(int=2)
REST = 30.0


class Piece(NamedTuple):
    org_id: UUID
    number: int


class Held:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at


class Work:
    """Fails for some; keeps what was tried, and how many at once."""

    def __init__(self, *failing: UUID, error: Exception | None = None) -> None:
        self.failing = set(failing)
        self.error = error or ValueError("no")
        self.tried: list[Piece] = []
        self.most = self._now = 0

    async def __call__(self, piece: Piece) -> int | None:
        self.tried.append(piece)
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if piece.org_id in self.failing:
            raise self.error
        return piece.number or None


@pytest.fixture
def clock() -> Held:
    return Held()


@pytest.fixture
def turns(clock: Held) -> Turns:
    return Turns("testing", clock, rest_seconds=REST)


async def test_after_the_first_failure_nothing_of_an_organisation_is_tried(turns: Turns) -> None:
    pieces = [Piece(org, number) for number in range(1, 6) for org in (ACME, GLOBEX)]
    work = Work(ACME)
    assert await turns.all(pieces, work) == [1, 2, 3, 4, 5]
    assert [one for one in work.tried if one.org_id == ACME] == [Piece(ACME, 1)]
    assert [one.number for one in work.tried if one.org_id == GLOBEX] == [1, 2, 3, 4, 5]
    assert turns.aside == {ACME}


async def test_who_failed_is_passed_over_for_the_rest_at_least_and_longer_each_time(
    turns: Turns, clock: Held
) -> None:
    work, pauses = Work(ACME), []
    for _ in range(6):
        await turns.all([Piece(ACME, 1)], work)
        began = clock.at
        while turns.aside:
            clock.at += 1
        pauses.append(clock.at - began)
    assert pauses == [30, 60, 120, 240, 300, 300]
    work.failing.clear()
    assert await turns.all([Piece(ACME, 1)], work) == [1]
    work.failing.add(ACME)
    await turns.all([Piece(ACME, 1)], work)
    clock.at += REST
    assert not turns.aside


async def test_a_few_organisations_have_their_turn_side_by_side(turns: Turns) -> None:
    pieces = [Piece(UUID(int=number % 9), number) for number in range(36)]
    work = Work()
    assert await turns.all(pieces, work) == list(range(1, 36)), "in their order, without nothing"
    assert work.most == AT_ONCE
    assert sorted(work.tried) == sorted(pieces)


async def test_a_database_that_is_away_is_said(turns: Turns) -> None:
    work = Work(ACME, error=psycopg.OperationalError("away"))
    with pytest.raises(psycopg.OperationalError):
        await turns.all([Piece(ACME, 1), Piece(ACME, 2)], work)
    assert work.tried == [Piece(ACME, 1)]
    assert not turns.aside

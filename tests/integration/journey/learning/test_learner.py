"""Versions of policies: who makes them, and that none is overlooked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from services.journey.learning.usecases import Learner
from shared.clock import SystemClock
from shared.database import Database
from shared.schema import logins
from tests.integration.journey.conftest import HeldClock
from tests.organisations import Organisation
from tests.postgres import Connection, MigratedDatabase

_COUNT = """
INSERT INTO app.action_tallies AS t
  (org_id, day, segment, action, arm, accepted, ignored, succeeded, failed, changed_at)
VALUES (%s, %s, '', %s, 1, %s, 0, 0, 0, now())
ON CONFLICT (org_id, day, segment, action, arm) DO UPDATE SET
  accepted = t.accepted + EXCLUDED.accepted, changed_at = EXCLUDED.changed_at
"""


def told(
    connection: Connection, organisation: Organisation, action: int, accepted: int = 1
) -> None:
    today = datetime.now(UTC).date()
    connection.execute(_COUNT, (organisation.org_id, today, action, accepted))


@contextmanager
def transaction(database: MigratedDatabase) -> Iterator[Connection]:
    """Of the owner, open until the end."""
    with database.connect(logins.OWNER) as connection, connection.transaction():
        yield connection


def versions(organisation: Organisation) -> list[tuple[int, float]]:
    """Versions and the outcomes behind them."""
    return organisation.database.execute(
        "SELECT policy_version, outcomes FROM app.action_policies WHERE org_id = %s ORDER BY 1",
        organisation.org_id,
    )


@pytest.fixture
def learner(worker: Database, across: Database, clock: HeldClock) -> Learner:
    return Learner(worker, across, clock)


async def test_who_begins_finds_what_came_before(
    learner: Learner, database: MigratedDatabase, organisation: Organisation
) -> None:
    with transaction(database) as connection:
        told(connection, organisation, 1, 7)
    database.execute("UPDATE app.action_tallies SET changed_at = now() - interval '9 days'")
    assert await learner.learn() == 1
    assert versions(organisation) == [(1, 7)]


async def test_no_version_is_made_without_anything_new(
    learner: Learner, database: MigratedDatabase, organisation: Organisation
) -> None:
    assert await learner.learn() == 0
    with transaction(database) as connection:
        told(connection, organisation, 1)
    assert [await learner.learn() for _ in range(4)] == [1, 0, 0, 0]
    with transaction(database) as connection:
        told(connection, organisation, 2)
    assert [await learner.learn() for _ in range(3)] == [1, 0, 0]
    assert versions(organisation) == [(1, 1), (2, 2)]


async def test_what_is_committed_late_is_not_overlooked(
    learner: Learner, database: MigratedDatabase, organisation: Organisation
) -> None:
    """The transaction that began first ends last, after its time was passed by."""
    with transaction(database) as slow:
        told(slow, organisation, 1)
        with transaction(database) as quick:
            told(quick, organisation, 2)
        assert [await learner.learn() for _ in range(2)] == [1, 0]
    assert await learner.learn() == 1
    assert versions(organisation) == [(1, 1), (2, 2)]


async def test_two_workers_make_one_version(
    worker: Database, across: Database, database: MigratedDatabase, organisation: Organisation
) -> None:
    learners = [Learner(worker, across, SystemClock()) for _ in range(3)]
    for accepted in range(1, 6):
        with transaction(database) as connection:
            told(connection, organisation, 1)
        await asyncio.gather(*(one.learn() for one in learners))
        await asyncio.gather(*(one.learn() for one in learners))
        assert versions(organisation)[-1] == (accepted, accepted)


async def test_each_organisation_learns_for_itself(
    learner: Learner,
    database: MigratedDatabase,
    organisation: Organisation,
    other_organisation: Organisation,
) -> None:
    with transaction(database) as connection:
        told(connection, organisation, 1, 3)
        told(connection, other_organisation, 1, 5)
    assert await learner.learn() == 2
    with transaction(database) as connection:
        told(connection, other_organisation, 1)
    assert await learner.learn() == 1
    assert versions(organisation) == [(1, 3)]
    assert versions(other_organisation) == [(1, 5), (2, 6)]


async def test_a_busy_organisation_has_no_version_for_each_outcome(
    learner: Learner, clock: HeldClock, database: MigratedDatabase, organisation: Organisation
) -> None:
    """Beyond two hundred outcomes one in a hundred makes one, and what waits is not forgotten."""
    for accepted, version in ((1000, 1), (9, 1), (1, 2)):
        with transaction(database) as connection:
            told(connection, organisation, 1, accepted)
        clock.passes(seconds=10)
        await learner.learn()
        assert versions(organisation)[-1][0] == version
    assert versions(organisation) == [(1, 1000), (2, 1010)]


async def test_what_was_too_little_for_a_version_is_learnt_in_the_end(
    learner: Learner, clock: HeldClock, database: MigratedDatabase, organisation: Organisation
) -> None:
    """Though nothing comes after it."""
    for accepted in (1000, 5):
        with transaction(database) as connection:
            told(connection, organisation, 1, accepted)
        await learner.learn()
    database.execute("UPDATE app.action_tallies SET changed_at = now() - interval '9 minutes'")
    clock.passes(minutes=9)
    assert await learner.learn() == 0
    clock.passes(minutes=1)
    assert await learner.learn() == 1
    assert versions(organisation) == [(1, 1000), (2, 1005)]

"""Batches that share a transaction: each is whole, each is told its own verdicts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg
import pytest

from services.event_ingest.events.errors import InvalidProperties, StorageBehind
from services.event_ingest.events.rules import NewEvent
from services.event_ingest.store import store_batches
from shared import ids
from shared.database import Database, Row, Statement
from tests.organisations import Organisation
from tests.queueing import (
    ACCEPTED,
    CONFLICT,
    DUPLICATE,
    UNWANTED,
    Watched,
    admitted,
    counted,
    grouped,
    told,
    turns,
)


async def test_of_batches_that_share_ids_the_first_has_stored_them(
    writer: Database, organisation: Organisation
) -> None:
    shared_id = ids.text(ids.uuid7(time.time_ns() // 1_000_000))
    [mine] = admitted(organisation, "mia", event_id=shared_id)
    [other] = admitted(organisation, "milo", event_id=shared_id)
    again, late = NewEvent(*mine), NewEvent(*mine)
    batches = [
        [*admitted(organisation, "mia"), mine, again],
        [other, *admitted(organisation, "milo")],
        [late, *admitted(organisation, "mia", "milo")],
    ]
    outcomes = await store_batches(writer, grouped(organisation, *batches))
    assert [told(one) for one in outcomes] == [
        [ACCEPTED, ACCEPTED, DUPLICATE],
        [CONFLICT, ACCEPTED],
        [DUPLICATE, ACCEPTED, ACCEPTED],
    ]
    assert counted(organisation) == (5, 5, 5)


async def test_what_postgres_refuses_of_a_batch_costs_the_others_nothing(
    writer: Database, organisation: Organisation
) -> None:
    organisation.database.execute(
        f"ALTER TABLE app.events ADD CONSTRAINT unwanted CHECK (user_id <> '{UNWANTED}')"
    )
    good, bad = ("mia", "milo"), ("mia", UNWANTED, "milo")
    batches = [admitted(organisation, *users) for users in (good, bad, good)]
    outcomes = await store_batches(writer, grouped(organisation, *batches))
    assert [told(one) for one in outcomes] == [
        [ACCEPTED, ACCEPTED],
        [ACCEPTED, InvalidProperties, ACCEPTED],
        [ACCEPTED, ACCEPTED],
    ]
    assert counted(organisation) == (6, 6, 6)


async def test_a_batch_whose_partition_is_missing_fails_alone_and_whole(
    writer: Database, organisation: Organisation
) -> None:
    organisation.database.execute("DROP TABLE app.events_timeless")
    timeless = admitted(organisation, "mia", event_id="01234567-89ab-4def-8123-456789abcdef")
    lost = [*admitted(organisation, "milo"), *timeless]
    kept = admitted(organisation, "mia", "milo")
    outcomes = await store_batches(writer, grouped(organisation, lost, kept))
    assert [told(one) for one in outcomes] == [StorageBehind, [ACCEPTED, ACCEPTED]]
    assert counted(organisation) == (2, 2, 2)


async def test_a_transaction_that_waited_in_vain_is_tried_batch_by_batch(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer)
    locked = admitted(organisation, "mia")

    def of_the_locked(statements: Sequence[Statement]) -> Exception | None:
        (rows,) = {one.parameters["rows"] for one in statements}  # type: ignore[call-overload]
        return psycopg.errors.LockNotAvailable() if rows != 2 else None

    watched.fault = of_the_locked
    free = [admitted(organisation, "mia", "milo") for _ in range(2)]
    groups = grouped(organisation, free[0], locked, free[1])
    outcomes = await store_batches(watched.database, groups)
    assert [told(one) for one in outcomes] == [
        [ACCEPTED] * 2,
        psycopg.errors.LockNotAvailable,
        [ACCEPTED] * 2,
    ]
    assert sorted(map(str, watched.sizes)) == ["1", "2", "2", "5"]
    assert counted(organisation) == (4, 4, 4)


async def test_a_database_that_is_away_is_asked_once_for_all(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer)
    watched.fault = lambda _: psycopg.OperationalError("the connection is lost")
    groups = grouped(organisation, *[admitted(organisation, "mia") for _ in range(3)])
    with pytest.raises(psycopg.OperationalError):
        await store_batches(watched.database, groups)
    assert len(watched.seen) == 1


@pytest.mark.parametrize(
    ("fault", "hurried"),
    [(psycopg.errors.LockNotAvailable, True), (psycopg.errors.CheckViolation, False)],
)
async def test_batches_that_failed_together_take_one_connection_after_that(
    writer: Database, organisation: Organisation, fault: type[psycopg.Error], *, hurried: bool
) -> None:
    """And wait in vain for one moment each, not for as long as they did together."""
    watched = Watched(writer)
    at_once, most = 0, 0
    passes = watched.database.in_one_round_trip

    async def counting(statements: Sequence[Statement]) -> list[Row | None]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await turns()
            return await passes(statements)
        finally:
            at_once -= 1

    watched.database.in_one_round_trip = counting  # type: ignore[method-assign]
    watched.fault = lambda _: fault() if len(watched.seen) == 1 else None
    batches = [admitted(organisation, "mia") for _ in range(5)]
    outcomes = await store_batches(watched.database, grouped(organisation, *batches))
    assert [told(one) for one in outcomes] == [[ACCEPTED]] * 5
    assert watched.sizes == [5, 1, 1, 1, 1, 1]
    assert most == 1
    assert [one.hurried for (one,) in watched.seen] == [False] + [hurried] * 5


async def test_a_database_that_goes_away_meanwhile_is_not_asked_for_each(
    writer: Database, organisation: Organisation
) -> None:
    watched = Watched(writer)
    faults = [psycopg.errors.LockNotAvailable(), None, psycopg.OperationalError("it is lost")]
    watched.fault = lambda _: faults[len(watched.seen) - 1]
    batches = [admitted(organisation, "mia") for _ in range(5)]
    with pytest.raises(psycopg.OperationalError):
        await store_batches(watched.database, grouped(organisation, *batches))
    assert len(watched.seen) == 3

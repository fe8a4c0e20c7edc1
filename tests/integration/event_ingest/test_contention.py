"""Writers that meet: none waits in a ring with another, or for ever behind one."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import cast

import pytest

from services.event_ingest import group_commit
from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import wire
from services.event_ingest.events.rules import NewEvent, Outcome, Units
from services.event_ingest.events.rules import Organisation as Known
from services.event_ingest.store import Group, store
from shared.arrays import Packed
from shared.database import Database, Row, Statement, Tenant
from shared.errors import DatabaseAway
from tests.ingesting import event
from tests.organisations import Organisation
from tests.storing import NAMES

EVENTS = 200
UNITS = Units("UTC", "USD")


def admitted(organisation: Organisation, count: int) -> list[NewEvent]:
    known = Known(
        organisation.org_id, "UTC", "USD", None, keep_ip=False, types=BUILT_IN, type_names=NAMES
    )
    now_us = time.time_ns() // 1000
    return [wire.to_new_event(event(), known, now_us, None) for _ in range(count)]


def unanswered_once(
    database: Database,
) -> Callable[[Sequence[Statement]], Coroutine[None, None, list[Row | None]]]:
    """The first round trip never comes back."""
    answers = iter([False])

    async def round_trip(statements: Sequence[Statement]) -> list[Row | None]:
        if not next(answers, True):
            await asyncio.Event().wait()
        return await database.in_one_round_trip(statements)

    return round_trip


async def test_whatever_order_events_come_in_they_are_stored_in_one(
    writer: Database, organisation: Organisation
) -> None:
    events = admitted(organisation, EVENTS)
    sent: list[bytes] = []

    class Watched(Database):
        async def in_one_round_trip(self, statements: Sequence[Statement]) -> list[Row | None]:
            (statement,) = statements
            parameters = cast("Mapping[str, Packed]", statement.parameters)
            sent.append(parameters["event_id"].data)
            return await writer.in_one_round_trip(statements)

    watched = Watched(organisation.database.admin_url, application_name="never opened")
    watched.raw_transaction = writer.raw_transaction  # type: ignore[method-assign]
    for _ in range(3):
        in_some_order = random.sample(events, EVENTS)
        group = Group(Tenant(organisation.org_id, "ingest"), UNITS, in_some_order)
        await store(watched, [group])
    assert len(sent) == 3
    assert len(set(sent)) == 1


async def test_a_flush_that_is_never_answered_holds_up_no_later_one(
    writer: Database, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "_GIVE_UP_SECONDS", 2.0)
    silent = Database(organisation.database.admin_url, application_name="never opened")
    silent.in_one_round_trip = unanswered_once(writer)  # type: ignore[method-assign, assignment]
    commit = group_commit.GroupCommit(silent)
    flushing = asyncio.create_task(commit.run())
    tenant = Tenant(organisation.org_id, "ingest")
    first, second = admitted(organisation, 2)
    with pytest.raises(DatabaseAway):
        await commit.store(tenant, UNITS, first)
    assert isinstance(await commit.store(tenant, UNITS, second), Outcome)
    await commit.close()
    await flushing

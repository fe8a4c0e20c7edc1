"""A look into the store brings as much data as one message takes, however many events it is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from sqlalchemy import RowMapping

from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import queries
from services.event_ingest.events.rules import MAX_LISTED_BYTES, EventFilter
from shared.database import Database
from tests.organisations import Organisation
from tests.storing import event_at, store

LARGE = orjson.dumps({"text": "x" * 60_000}).decode()
EVENTS = 150
Look = Callable[[Database, Organisation], Awaitable[Sequence[RowMapping]]]
KIND = BUILT_IN["page_view"].type_id


async def in_hours(writer: Database, organisation: Organisation) -> Sequence[RowMapping]:
    where = EventFilter(type_ids=(KIND,))
    async with writer.tenant_transaction(organisation.tenant("olga")) as transaction:
        connection, org_id = transaction.connection, organisation.org_id
        hours = await queries.select_hours_of_types(
            connection, org_id, where=where, until=datetime.now(UTC), limit=1000
        )
        return await queries.select_events_in_hours(
            connection, org_id, hours, where=where, before=None, limit=1000
        )


async def all_types(writer: Database, organisation: Organisation) -> Sequence[RowMapping]:
    async with writer.tenant_transaction(organisation.tenant("olga")) as transaction:
        return await queries.select_events(
            transaction.connection,
            organisation.org_id,
            where=EventFilter(),
            before=None,
            limit=1000,
        )


@pytest.mark.parametrize("look", [all_types, in_hours])
async def test_data_beyond_a_message_stays_in_the_store(
    writer: Database, organisation: Organisation, look: Look
) -> None:
    now = datetime.now(UTC)
    sent = [
        event_at(now - timedelta(minutes=number), "page_view", properties_json=LARGE)
        for number in range(EVENTS)
    ]
    assert await store(writer, organisation, sent) == EVENTS
    rows = await look(writer, organisation)
    assert [str(row["event_id"]) for row in rows] == [one.event_id for one in sent]
    whole = [row["data"] is not None for row in rows]
    assert whole == sorted(whole, reverse=True)
    brought = sum(len(orjson.dumps(row["data"])) for row in rows if row["data"] is not None)
    assert MAX_LISTED_BYTES - len(LARGE) < brought < MAX_LISTED_BYTES + 2 * len(LARGE)

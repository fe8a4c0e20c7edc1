"""Events put straight into the store, as the write path puts them there, whatever their age."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from footfall.events.v1 import event_pb2
from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import queries, wire
from services.event_ingest.events.rules import EventFilter, Organisation
from shared import ids
from shared.database import Database, Tenant
from tests.organisations import Organisation as TestOrganisation

NAMES = {rule.type_id: name for name, rule in BUILT_IN.items()}


async def store(
    database: Database,
    organisation: TestOrganisation,
    events: Sequence[event_pb2.Event],
    now: datetime | None = None,
) -> int:
    """Store them in one commit, whatever their age; says how many were new."""
    [(zone, currency)] = organisation.database.execute(
        "SELECT time_zone, currency FROM app.organisations WHERE org_id = %s", organisation.org_id
    )
    keeps_all = Organisation(
        organisation.org_id,
        zone,
        currency,
        None,
        keep_ip=False,
        types=BUILT_IN,
        type_names=NAMES,
    )
    received_us = round((now.timestamp() if now else time.time()) * 1_000_000)
    admitted = [wire.to_new_event(event, keeps_all, received_us, None) for event in events]
    statement = queries.insert_events(
        Tenant(organisation.org_id, "ingest"), keeps_all.units, admitted
    )
    (row,) = await database.in_one_round_trip([statement])
    assert row is not None
    return int(row[0])


async def stored_ids(database: Database, organisation: TestOrganisation) -> set[str]:
    """Ids of all events that the organisation has."""
    async with database.tenant_transaction(organisation.tenant("olga")) as transaction:
        rows = await queries.select_events(
            transaction.connection,
            organisation.org_id,
            where=EventFilter(),
            before=None,
            limit=10_000,
        )
    return {str(row["event_id"]) for row in rows}


def event_at(moment: datetime, kind: str = "feature_used", **fields: Any) -> event_pb2.Event:
    """An event of that time, with a v7 id of it unless the fields say otherwise."""
    milliseconds = int(moment.timestamp() * 1000)
    fields.setdefault("event_id", ids.text(ids.uuid7(milliseconds)))
    event = event_pb2.Event(type=kind, **fields)
    event.occurred_at.FromDatetime(moment.astimezone(UTC))
    return event

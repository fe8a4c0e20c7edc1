"""The SQL of events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor

from services.journey.journeys.queries.packing import Instants, Jsonbs
from services.journey.journeys.rules.events import NewEvent
from services.journey.journeys.rules.facts import ASKED_FOR
from services.journey.journeys.rules.journey import Stored
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.vocabulary import Happening, Micros, Source, Stage
from shared.arrays import Byteas, NullableIntegers, Smallints, Texts, Uuids
from shared.database import RawConnection, Row
from shared.lengthy import MANY, worked_out

Key = tuple[Micros, str]
"""The place of an event in a journey."""

_INSERT = """
INSERT INTO app.journey_events (org_id, event_id, client_id, occurred_at, stage, event_type,
  metadata, received_at, source, content_hash)
SELECT %(org)s::uuid, n.* FROM unnest(%(id)b::uuid[], %(client)b::text[], %(at)b::timestamptz[],
  %(stage)b::integer[], %(type)b::text[], %(metadata)b::jsonb[], %(received)b::timestamptz[],
  %(source)b::smallint[], %(hash)b::bytea[]) AS n
ON CONFLICT (org_id, event_id) DO NOTHING
RETURNING event_id
"""

_SELECT_HASHES = """
SELECT event_id, content_hash FROM app.journey_events
WHERE org_id = %s AND event_id = ANY(%b::uuid[])
"""

# Of metadata what facts ask for: there may be 16 KB of it with each event.
_TOLD = f"""
event_id, occurred_at, event_type, stage, jsonb_strip_nulls(jsonb_build_object(
  {", ".join(f"'{one}', metadata -> '{one}'" for one in ASKED_FOR)}))
"""

# LATERAL with ORDER BY: each client's events are found by their index, whatever the planner
# believes of a table that has just been filled.
_SELECT_AFTER = f"""
SELECT k.client_id, e.*
FROM unnest(%(client)b::text[], %(at)b::timestamptz[], %(id)b::uuid[]) AS k (client_id, at, id)
CROSS JOIN LATERAL (
  SELECT {_TOLD} FROM app.journey_events
  WHERE org_id = %(org)s AND client_id = k.client_id
    AND (occurred_at, event_id) > (k.at, k.id)
  ORDER BY occurred_at, event_id
) AS e
"""  # noqa: S608 - only names of our own go in

_SELECT_UNTIL = f"""
SELECT {_TOLD} FROM app.journey_events
WHERE org_id = %s AND client_id = %s AND occurred_at <= %s ORDER BY occurred_at, event_id
"""  # noqa: S608 - only names of our own go in

_SELECT_PAGE = """
SELECT event_id, occurred_at, event_type, stage, metadata, received_at, source
FROM app.journey_events
WHERE org_id = %s AND client_id = %s AND occurred_at <= %s
  AND (occurred_at, event_id) > (%s::timestamptz, %s::uuid)
ORDER BY occurred_at, event_id LIMIT %s
"""

_DELETE = "DELETE FROM app.journey_events WHERE org_id = %s AND client_id = %s"


async def insert_events(
    raw: RawConnection, org_id: UUID, events: Mapping[UUID, NewEvent]
) -> dict[UUID, NewEvent]:
    """Store events of clients that are locked; those whose ids were new.

    In the order of ids, so that two that store the same ids wait for each other in one direction.
    """
    ordered = [events[one] for one in sorted(events)]
    happenings = [one.happening for one in ordered]
    values = {
        "org": org_id,
        "id": Uuids([one.event_id.bytes for one in happenings]),
        "client": Texts([one.client_id for one in ordered]),
        "at": Instants(one.occurred_at for one in happenings),
        "stage": NullableIntegers([one.stage for one in happenings]),
        "type": Texts([one.event_type for one in happenings]),
        "metadata": Jsonbs([one.metadata for one in happenings]),
        "received": Instants(one.received_at for one in ordered),
        "source": Smallints([one.source for one in ordered]),
        "hash": Byteas([one.content_hash for one in ordered]),
    }
    rows = await (await raw.execute(_INSERT, values)).fetchall()
    return {event_id: events[event_id] for (event_id,) in rows}


async def select_hashes(
    raw: RawConnection, org_id: UUID, event_ids: Iterable[UUID]
) -> dict[UUID, bytes]:
    """What these events were stored with, by id."""
    packed = Uuids([one.bytes for one in event_ids])
    return dict(await (await raw.execute(_SELECT_HASHES, (org_id, packed))).fetchall())


async def select_events_after(
    raw: RawConnection, org_id: UUID, after: Mapping[str, Key]
) -> dict[str, list[Happening]]:
    """The events of each client after a place in its journey, in their order.

    Of metadata they have what facts ask for.
    """
    values = {
        "org": org_id,
        "client": Texts(list(after)),
        "at": Instants(at for at, _ in after.values()),
        "id": Uuids([UUID(event_id).bytes for _, event_id in after.values()]),
    }
    rows = await _rows(await raw.execute(_SELECT_AFTER, values, binary=True))
    return await worked_out(len(rows), _by_client, rows)


async def select_events_until(
    raw: RawConnection, org_id: UUID, client_id: str, until: Micros
) -> list[Happening]:
    """The events of a client up to a moment, in their order; of metadata what facts ask for."""
    values = (org_id, client_id, from_micros(until))
    rows = await _rows(await raw.execute(_SELECT_UNTIL, values, binary=True))
    return await worked_out(len(rows), _happenings, rows)


async def select_stored(
    raw: RawConnection, org_id: UUID, client_id: str, *, until: Micros, after: Key, limit: int
) -> Sequence[Stored]:
    """A page of a client's events up to a moment, the oldest first, then by id."""
    place = (from_micros(after[0]), after[1])
    values = (org_id, client_id, from_micros(until), *place, limit)
    rows = await (await raw.execute(_SELECT_PAGE, values)).fetchall()
    return [Stored(_happening(*row[:5]), to_micros(row[5]), Source(row[6])) for row in rows]


async def delete_events(raw: RawConnection, org_id: UUID, client_id: str) -> int:
    """All events of a client; how many."""
    return (await raw.execute(_DELETE, (org_id, client_id))).rowcount


async def _rows(cursor: AsyncCursor[Row]) -> list[Row]:
    """All that was found; among many others get their turn."""
    found = portion = await cursor.fetchmany(MANY)
    while len(portion) == MANY:
        await asyncio.sleep(0)
        portion = await cursor.fetchmany(MANY)
        found.extend(portion)
    return found


def _by_client(rows: Iterable[Row]) -> dict[str, list[Happening]]:
    found: defaultdict[str, list[Happening]] = defaultdict(list)
    for client_id, *event in rows:
        found[client_id].append(_happening(*event))
    return found


def _happenings(rows: Iterable[Row]) -> list[Happening]:
    return [_happening(*row) for row in rows]


def _happening(
    event_id: UUID,
    occurred_at: datetime,
    event_type: str,
    stage: int | None,
    metadata: dict[str, Any],
) -> Happening:
    known = None if stage is None else Stage(stage)
    return Happening(event_id, to_micros(occurred_at), event_type, known, metadata)

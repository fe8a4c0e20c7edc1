"""The SQL of visits to stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.journey.journeys.queries.packing import Instants, NullableInstants
from services.journey.journeys.rules.journey import StageTime, Stored
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.visits import Visit
from services.journey.journeys.rules.vocabulary import Happening, Stage
from shared.arrays import NullableIntegers, Smallints, Texts, Uuids
from shared.database import RawConnection, Row
from shared.lengthy import worked_out

_DELETE = "DELETE FROM app.stage_visits WHERE org_id = %s AND client_id = ANY(%s::text[])"

_SELECT_LAST = """
SELECT k.client_id, v.stage, v.entered_at, v.event_id, v.unusual, v.left_at, v.next_stage
FROM unnest(%(clients)s::text[]) AS k (client_id)
CROSS JOIN LATERAL (
  SELECT stage, entered_at, event_id, unusual, left_at, next_stage FROM app.stage_visits
  WHERE org_id = %(org)s AND client_id = k.client_id
  ORDER BY entered_at DESC, event_id DESC LIMIT 1
) AS v
"""

_UPSERT = """
INSERT INTO app.stage_visits (org_id, client_id, entered_at, event_id, stage, left_at, next_stage,
  unusual)
SELECT %(org)s::uuid, n.* FROM unnest(%(client)b::text[], %(entered)b::timestamptz[],
  %(event)b::uuid[], %(stage)b::smallint[], %(left)b::timestamptz[], %(next)b::integer[],
  %(unusual)s::boolean[]) AS n
ON CONFLICT (org_id, client_id, entered_at, event_id) DO UPDATE SET
  left_at = EXCLUDED.left_at, next_stage = EXCLUDED.next_stage
"""


_SELECT_LATEST = """
SELECT stage, entered_at, event_id, unusual, left_at, next_stage FROM app.stage_visits
WHERE org_id = %s AND client_id = %s ORDER BY entered_at DESC, event_id DESC LIMIT %s
"""

_SELECT_TIMES = """
SELECT stage, sum((extract(epoch FROM left_at - entered_at) * 1000000)::bigint)::bigint, count(*)
FROM app.stage_visits
WHERE org_id = %s AND client_id = %s AND left_at IS NOT NULL GROUP BY stage
"""

_SELECT_UNUSUAL_BETWEEN = """
SELECT event_id FROM app.stage_visits
WHERE org_id = %s AND client_id = %s AND entered_at BETWEEN %s AND %s AND unusual
"""

_SELECT_UNUSUAL = """
SELECT unusual FROM app.stage_visits
WHERE org_id = %s AND client_id = %s AND entered_at = %s AND event_id = %s
"""


async def select_latest_visits(
    raw: RawConnection, org_id: UUID, client_id: str, limit: int
) -> list[Visit]:
    """The latest visits of a client, the oldest of them first."""
    rows = await (await raw.execute(_SELECT_LATEST, (org_id, client_id, limit))).fetchall()
    return [_visit(row) for row in reversed(rows)]


async def select_times(raw: RawConnection, org_id: UUID, client_id: str) -> list[StageTime]:
    """The time in each stage of all visits that ended."""
    rows = await (await raw.execute(_SELECT_TIMES, (org_id, client_id))).fetchall()
    return [StageTime(Stage(stage), micros, visits) for stage, micros, visits in rows]


async def select_unusual_between(
    raw: RawConnection, org_id: UUID, client_id: str, events: Sequence[Stored]
) -> set[UUID]:
    """Which events began an unusual visit, from the first of these to the last."""
    if not events:
        return set()
    times = [from_micros(one.happening.occurred_at) for one in (events[0], events[-1])]
    cursor = await raw.execute(_SELECT_UNUSUAL_BETWEEN, (org_id, client_id, *times))
    return {row[0] for row in await cursor.fetchall()}


async def select_unusual(
    raw: RawConnection, org_id: UUID, client_id: str, event: Happening
) -> bool:
    """Whether an event began a visit to which clients do not usually come so."""
    place = (org_id, client_id, from_micros(event.occurred_at), event.event_id)
    row = await (await raw.execute(_SELECT_UNUSUAL, place)).fetchone()
    return row is not None and bool(row[0])


async def delete_visits(raw: RawConnection, org_id: UUID, client_ids: Iterable[str]) -> None:
    """All visits of these clients."""
    await raw.execute(_DELETE, (org_id, list(client_ids)))


async def select_last_visits(
    raw: RawConnection, org_id: UUID, client_ids: Iterable[str]
) -> dict[str, Visit]:
    """The visit that each client is on, if there is one."""
    values = {"org": org_id, "clients": list(client_ids)}
    rows = await (await raw.execute(_SELECT_LAST, values)).fetchall()
    return {client_id: _visit(tuple(visit)) for client_id, *visit in rows}


async def upsert_visits(
    raw: RawConnection, org_id: UUID, made: Sequence[tuple[str, Visit]]
) -> None:
    """Visits that are new, or ended now, each with its client."""
    values = await worked_out(len(made), _packed, made)
    await raw.execute(_UPSERT, {"org": org_id, **values})


def _packed(made: Sequence[tuple[str, Visit]]) -> dict[str, object]:
    visits = [visit for _, visit in made]
    return {
        "client": Texts([client_id for client_id, _ in made]),
        "entered": Instants(one.entered_at for one in visits),
        "event": Uuids([one.event_id.bytes for one in visits]),
        "stage": Smallints([one.stage for one in visits]),
        "left": NullableInstants(one.left_at for one in visits),
        "next": NullableIntegers([one.next_stage for one in visits]),
        "unusual": [one.unusual for one in visits],
    }


def _visit(row: Row) -> Visit:
    stage, entered_at, event_id, unusual, left_at, next_stage = row
    return Visit(
        stage=Stage(stage),
        entered_at=to_micros(entered_at),
        event_id=event_id,
        unusual=unusual,
        left_at=None if left_at is None else to_micros(left_at),
        next_stage=None if next_stage is None else Stage(next_stage),
    )

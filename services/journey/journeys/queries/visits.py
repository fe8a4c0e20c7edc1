"""The SQL of visits to stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.journey.journeys.queries.packing import Instants, NullableInstants
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.visits import Visit
from services.journey.journeys.rules.vocabulary import Happening, Stage
from shared.arrays import NullableIntegers, Smallints, Texts, Uuids
from shared.database import RawConnection, Row

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


_SELECT = """
SELECT stage, entered_at, event_id, unusual, left_at, next_stage FROM app.stage_visits
WHERE org_id = %s AND client_id = %s ORDER BY entered_at, event_id
"""

_SELECT_UNUSUAL = """
SELECT unusual FROM app.stage_visits
WHERE org_id = %s AND client_id = %s AND entered_at = %s AND event_id = %s
"""


async def select_visits(raw: RawConnection, org_id: UUID, client_id: str) -> list[Visit]:
    """All visits of a client, the oldest first."""
    rows = await (await raw.execute(_SELECT, (org_id, client_id))).fetchall()
    return [_visit(row) for row in rows]


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
    visits = [visit for _, visit in made]
    values = {
        "org": org_id,
        "client": Texts([client_id for client_id, _ in made]),
        "entered": Instants(one.entered_at for one in visits),
        "event": Uuids([one.event_id.bytes for one in visits]),
        "stage": Smallints([one.stage for one in visits]),
        "left": NullableInstants(one.left_at for one in visits),
        "next": NullableIntegers([one.next_stage for one in visits]),
        "unusual": [one.unusual for one in visits],
    }
    await raw.execute(_UPSERT, values)


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

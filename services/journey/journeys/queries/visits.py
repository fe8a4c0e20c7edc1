"""The SQL of visits to stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.journey.journeys.queries.packing import Instants, NullableInstants
from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.visits import Visit
from services.journey.journeys.rules.vocabulary import Happening, Stage
from shared.arrays import NullableIntegers, Smallints, Texts, Uuids
from shared.database import RawConnection, Row

_DELETE = "DELETE FROM app.stage_visits WHERE org_id = %s AND client_id = ANY(%s::text[])"

_END = """
UPDATE app.stage_visits AS v SET left_at = n.left_at, next_stage = n.next_stage
FROM unnest(%(client)b::text[], %(left)b::timestamptz[], %(next)b::smallint[])
  AS n (client_id, left_at, next_stage)
WHERE v.org_id = %(org)s AND v.client_id = n.client_id AND v.left_at IS NULL
"""

_INSERT = """
INSERT INTO app.stage_visits (org_id, client_id, entered_at, event_id, stage, left_at, next_stage,
  unusual)
SELECT %(org)s::uuid, n.* FROM unnest(%(client)b::text[], %(entered)b::timestamptz[],
  %(event)b::uuid[], %(stage)b::smallint[], %(left)b::timestamptz[], %(next)b::integer[],
  %(unusual)s::boolean[]) AS n
ON CONFLICT (org_id, client_id, entered_at, event_id) DO NOTHING
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


async def update_ended(raw: RawConnection, org_id: UUID, by: Mapping[str, Visit]) -> None:
    """The visit that each client is on ends by its next one."""
    values = {
        "org": org_id,
        "client": Texts(list(by)),
        "left": Instants(one.entered_at for one in by.values()),
        "next": Smallints([one.stage for one in by.values()]),
    }
    await raw.execute(_END, values)


async def insert_visits(
    raw: RawConnection, org_id: UUID, made: Sequence[tuple[str, Visit]]
) -> None:
    """New visits, each with its client."""
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
    await raw.execute(_INSERT, values)


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

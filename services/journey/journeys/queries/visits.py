"""The SQL of visits to stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from services.journey.journeys.queries.packing import to_instants, to_nullable_instants
from services.journey.journeys.rules.visits import Visit
from shared.arrays import NullableIntegers, Smallints, Texts, Uuids
from shared.database import RawConnection

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


async def delete_visits(raw: RawConnection, org_id: UUID, client_ids: Iterable[str]) -> None:
    """All visits of these clients."""
    await raw.execute(_DELETE, (org_id, list(client_ids)))


async def end_visits(raw: RawConnection, org_id: UUID, by: Mapping[str, Visit]) -> None:
    """The visit that each client is on ends by its next one."""
    values = {
        "org": org_id,
        "client": Texts(list(by)),
        "left": to_instants(one.entered_at for one in by.values()),
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
        "entered": to_instants(one.entered_at for one in visits),
        "event": Uuids([one.event_id.bytes for one in visits]),
        "stage": Smallints([one.stage for one in visits]),
        "left": to_nullable_instants(one.left_at for one in visits),
        "next": NullableIntegers([one.next_stage for one in visits]),
        "unusual": [one.unusual for one in visits],
    }
    await raw.execute(_INSERT, values)

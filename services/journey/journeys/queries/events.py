"""The SQL of events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.journey.journeys.queries.packing import to_instants
from services.journey.journeys.rules.moments import to_micros
from services.journey.journeys.rules.vocabulary import Happening, Micros, Stage
from shared.arrays import Texts, Uuids
from shared.database import RawConnection

Key = tuple[Micros, str]
"""The place of an event in a journey."""

_SELECT_AFTER = """
SELECT e.client_id, e.event_id, e.occurred_at, e.event_type, e.stage, e.metadata
FROM unnest(%(client)b::text[], %(at)b::timestamptz[], %(id)b::uuid[]) AS k (client_id, at, id)
JOIN app.journey_events AS e ON e.org_id = %(org)s AND e.client_id = k.client_id
  AND (e.occurred_at, e.event_id) > (k.at, k.id)
ORDER BY e.client_id, e.occurred_at, e.event_id
"""


async def select_events_after(
    raw: RawConnection, org_id: UUID, after: Mapping[str, Key]
) -> dict[str, list[Happening]]:
    """The events of each client after a place in its journey, in their order."""
    values = {
        "org": org_id,
        "client": Texts(list(after)),
        "at": to_instants(at for at, _ in after.values()),
        "id": Uuids([UUID(event_id).bytes for _, event_id in after.values()]),
    }
    found: defaultdict[str, list[Happening]] = defaultdict(list)
    for client_id, *event in await (await raw.execute(_SELECT_AFTER, values)).fetchall():
        found[client_id].append(_happening(*event))
    return found


def _happening(
    event_id: UUID, occurred_at: Any, event_type: str, stage: int | None, metadata: dict[str, Any]
) -> Happening:
    known = None if stage is None else Stage(stage)
    return Happening(event_id, to_micros(occurred_at), event_type, known, metadata)

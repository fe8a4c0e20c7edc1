"""The SQL of signals: reading and writing them in sets, and when each organisation was asked about.

Whoever writes holds the states of clients that are new here or turn, as all do who change clients,
and then the organisation's signals; what is deleted meanwhile is not written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.journey.journeys.rules.moments import from_micros
from services.journey.signals.rules.sweeps import Fleet, Known, Measured, Standing
from shared.arrays import Bigints, Texts
from shared.database import RawConnection

# The maintenance login finds who has work; it sees every organisation.
_SELECT_SWEEPS = """
SELECT o.org_id, s.tried_at, s.swept_at, coalesce(s.failures, 0)
FROM app.organisations o LEFT JOIN app.signal_sweeps s ON s.org_id = o.org_id
WHERE EXISTS (SELECT FROM app.clients c WHERE c.org_id = o.org_id)
"""

# Nothing can appear below the horizon any more.
_SELECT_END = """
SELECT coalesce(max(position), 0) FROM app.journey_changes WHERE position < app.log_horizon()
"""

_SELECT_CHANGED = """
SELECT position, org_id, client_ids FROM app.journey_changes
WHERE position > %s AND position < app.log_horizon() ORDER BY position LIMIT %s
"""

# A sign of life. Of several who find an organisation due one gets it, for the others have seen an
# older one; and whoever has it goes on while nobody else has given one since.
_INSERT_TRY = """
INSERT INTO app.signal_sweeps AS s (org_id, tried_at, clients, failures)
VALUES (%(org)s::uuid, %(now)s::timestamptz, 0, 0)
ON CONFLICT (org_id) DO UPDATE SET tried_at = EXCLUDED.tried_at
WHERE s.tried_at = %(seen)s::timestamptz RETURNING org_id
"""

_UPDATE_SWEPT = """
UPDATE app.signal_sweeps SET tried_at = %(now)s::timestamptz, swept_at = %(now)s::timestamptz,
  clients = %(clients)s::bigint, failures = 0
WHERE org_id = %(org)s
"""

_UPDATE_FAILED = """
UPDATE app.signal_sweeps SET tried_at = %s::timestamptz, failures = failures + 1 WHERE org_id = %s
"""

_KNOWN = """
SELECT c.client_id, s.feature_uses, s.feature_uses_p25
FROM app.clients c LEFT JOIN app.client_signals s
  ON s.org_id = %(org)s::uuid AND s.client_id = c.client_id
WHERE c.org_id = %(org)s::uuid
"""
_PAGE = "AND c.client_id > %(after)s::text ORDER BY c.client_id LIMIT %(limit)s::integer"

_SELECT_PAGE = f"{_KNOWN} {_PAGE}"
_SELECT_LACKING_PAGE = f"{_KNOWN} AND s.client_id IS NULL {_PAGE}"
_SELECT_LACKING = f"{_KNOWN} AND s.client_id IS NULL AND c.client_id = ANY(%(clients)s::text[])"

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('client_signals:' || %s::uuid::text, 0))"

_MEASURED = """unnest(%(client)b::text[], %(uses)b::bigint[], %(recent)b::bigint[],
  %(previous)b::bigint[], %(types)b::text[]) AS n (client_id, uses, recent, previous, types)"""
_TYPES = "string_to_array(n.types, ',')::integer[]"

_UPDATE = f"""
UPDATE app.client_signals AS s SET feature_uses = n.uses, feature_uses_p25 = %(p25)s::float8,
  recent_events = n.recent, previous_events = n.previous, insight_types = {_TYPES},
  measured_at = %(measured_at)s::timestamptz
FROM {_MEASURED} WHERE s.org_id = %(org)s::uuid AND s.client_id = n.client_id
"""  # noqa: S608 - no value of a caller

_INSERT = f"""
INSERT INTO app.client_signals (org_id, client_id, feature_uses, feature_uses_p25, recent_events,
  previous_events, insight_types, measured_at)
SELECT %(org)s::uuid, n.client_id, n.uses, %(p25)s::float8, n.recent, n.previous, {_TYPES},
  %(measured_at)s::timestamptz
FROM {_MEASURED} ON CONFLICT (org_id, client_id) DO NOTHING RETURNING client_id
"""  # noqa: S608

_INSERT_TURNS = """
INSERT INTO app.signal_turns (org_id, client_id, valid_from, feature_uses, feature_uses_p25)
SELECT %(org)s::uuid, n.client_id, %(now)s::timestamptz, n.uses, %(p25)s::float8
FROM unnest(%(client)b::text[], %(uses)b::bigint[]) AS n (client_id, uses)
ON CONFLICT (org_id, client_id, valid_from) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """Clients that one transaction made or changed."""

    position: int
    org_id: UUID
    client_ids: Sequence[str]


async def select_sweeps(raw: RawConnection) -> list[Standing]:
    """How it went with every organisation that has clients."""
    return [Standing(*row) for row in await (await raw.execute(_SELECT_SWEEPS)).fetchall()]


async def select_end(raw: RawConnection) -> int:
    """The last position of the log of changes that nothing can come before any more."""
    row = await (await raw.execute(_SELECT_END)).fetchone()
    assert row is not None
    return int(row[0])


async def select_changed(raw: RawConnection, after: int, limit: int) -> list[Changed]:
    """Who made or changed clients since a position."""
    rows = await (await raw.execute(_SELECT_CHANGED, (after, limit))).fetchall()
    return [Changed(*row) for row in rows]


async def insert_try(
    raw: RawConnection, org_id: UUID, seen: datetime | None, now: datetime
) -> bool:
    """Begin a try or go on with it; False when somebody else has been at it since `seen`."""
    values = {"org": org_id, "now": now, "seen": seen}
    return await (await raw.execute(_INSERT_TRY, values)).fetchone() is not None


async def update_swept(raw: RawConnection, org_id: UUID, now: datetime, clients: int) -> None:
    """All clients were asked about."""
    await raw.execute(_UPDATE_SWEPT, {"org": org_id, "now": now, "clients": clients})


async def update_failed(raw: RawConnection, org_id: UUID, now: datetime) -> None:
    """It did not work."""
    await raw.execute(_UPDATE_FAILED, (now, org_id))


async def select_page(
    raw: RawConnection, org_id: UUID, after: str, limit: int, *, lacking: bool
) -> list[Known]:
    """Clients after `after`, by client_id: all, or those of whom nothing is kept."""
    values = {"org": org_id, "after": after, "limit": limit}
    query = _SELECT_LACKING_PAGE if lacking else _SELECT_PAGE
    return [Known(*row) for row in await (await raw.execute(query, values)).fetchall()]


async def select_lacking(
    raw: RawConnection, org_id: UUID, client_ids: Sequence[str]
) -> list[Known]:
    """Those of these clients of whom nothing is kept."""
    values = {"org": org_id, "clients": list(client_ids)}
    return [Known(*row) for row in await (await raw.execute(_SELECT_LACKING, values)).fetchall()]


async def lock_signals(raw: RawConnection, org_id: UUID) -> None:
    """Nobody else writes signals of the organisation until the end."""
    await raw.execute(_LOCK, (org_id,))


async def update_signals(
    raw: RawConnection, org_id: UUID, measured: Sequence[Measured], fleet: Fleet
) -> None:
    """What is known now of clients of whom something is kept."""
    await raw.execute(_UPDATE, _values(org_id, measured, fleet))


async def insert_signals(
    raw: RawConnection, org_id: UUID, measured: Sequence[Measured], fleet: Fleet
) -> set[str]:
    """The first that is known of these clients; of whom it was."""
    cursor = await raw.execute(_INSERT, _values(org_id, measured, fleet))
    return {row[0] for row in await cursor.fetchall()}


async def insert_turns(
    raw: RawConnection, org_id: UUID, turned: Sequence[Measured], p25: float | None, now: datetime
) -> None:
    """From now on these clients count as using little, or no more."""
    values = {
        "org": org_id,
        "now": now,
        "p25": p25,
        "client": Texts([one.client_id for one in turned]),
        "uses": Bigints([one.feature_uses for one in turned]),
    }
    await raw.execute(_INSERT_TURNS, values)


def _values(org_id: UUID, measured: Sequence[Measured], fleet: Fleet) -> dict[str, object]:
    return {
        "org": org_id,
        "p25": fleet.feature_uses_p25,
        "measured_at": from_micros(fleet.measured_at),
        "client": Texts([one.client_id for one in measured]),
        "uses": Bigints([one.feature_uses for one in measured]),
        "recent": Bigints([one.recent_events for one in measured]),
        "previous": Bigints([one.previous_events for one in measured]),
        "types": Texts([",".join(map(str, one.insight_types)) for one in measured]),
    }

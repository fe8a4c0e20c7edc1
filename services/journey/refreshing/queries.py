"""The SQL of refreshing: who is due, how far each organisation has come, what was ingested.

The maintenance login finds who has work, across organisations; the work itself is done as journey,
for one organisation each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.journey.journeys.rules.moments import from_micros, to_micros
from services.journey.journeys.rules.vocabulary import Happening, Micros, Stage
from services.journey.refreshing import rules
from services.journey.refreshing.rules import Target
from shared import ids
from shared.arrays import EPOCH_MICROS, Instants, Uuids
from shared.database import RawConnection

_TYPES = f"{rules.SENTIMENT}, {rules.SUPPORT_TICKET}"
_RELEVANT = f"type_ids && ARRAY[{_TYPES}]"

# Nothing can appear below it any more.
_HORIZON = "app.log_horizon()"

_SELECT_DUE = """
SELECT o.org_id, due.next_check_at FROM app.organisations o CROSS JOIN LATERAL (
  SELECT s.next_check_at FROM app.client_states s
  WHERE s.org_id = o.org_id AND s.next_check_at <= %s ORDER BY s.next_check_at LIMIT 1) AS due
ORDER BY due.next_check_at
"""

# What another worker has in hand is passed over.
_LOCK_DUE = """
SELECT client_id FROM app.client_states WHERE org_id = %s AND next_check_at <= %s
ORDER BY next_check_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

_SELECT_UNSETTLED = """
SELECT o.org_id, coalesce(v.version, 0), coalesce(v.version, 0) > coalesce(c.settings_version, 0),
  n.day IS NOT NULL
FROM app.organisations o
LEFT JOIN LATERAL (
  SELECT s.version FROM app.journey_settings s WHERE s.org_id = o.org_id
  ORDER BY s.version DESC LIMIT 1) AS v ON true
LEFT JOIN app.journey_norms n ON n.org_id = o.org_id AND n.day = %(day)s
LEFT JOIN app.journey_cursors c ON c.org_id = o.org_id
WHERE (n.day IS NULL OR c.norms_day IS DISTINCT FROM %(day)s
    OR coalesce(v.version, 0) > coalesce(c.settings_version, 0))
  AND EXISTS (SELECT FROM app.client_states s WHERE s.org_id = o.org_id)
"""

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('journey_walk:' || %s::text, 0))"

_SELECT_STALE = f"""
SELECT max(client_id), count(*), coalesce(array_agg(client_id) FILTER (
    WHERE settings_version <> %(version)s OR (stage = {Stage.ACTIVE_PROJECT.value}
      AND as_of < %(known)s)), '{{}}')
FROM (
  SELECT client_id, settings_version, stage, as_of FROM app.client_states
  WHERE org_id = %(org)s AND client_id > %(after)s ORDER BY client_id LIMIT %(limit)s) AS next
"""  # noqa: S608 - no value of a caller

_SELECT_NORMS = """
SELECT day, project_p75_seconds FROM app.journey_norms
WHERE org_id = %s AND day < %s ORDER BY day DESC LIMIT 1
"""

_INSERT_NORMS = f"""
INSERT INTO app.journey_norms (org_id, day, project_p75_seconds, project_visits)
SELECT %(org)s::uuid, %(day)s::date,
  percentile_cont(0.75) WITHIN GROUP (ORDER BY extract(epoch FROM left_at - entered_at)::float8),
  count(*)
FROM app.stage_visits
WHERE org_id = %(org)s AND stage = {Stage.ACTIVE_PROJECT.value} AND left_at < %(until)s
ON CONFLICT (org_id, day) DO NOTHING RETURNING project_p75_seconds
"""  # noqa: S608

_DELETE_NORMS = "DELETE FROM app.journey_norms WHERE org_id = %s AND day < %s"

_SELECT_NORMS_DAY = "SELECT norms_day FROM app.journey_cursors WHERE org_id = %s"

_UPSERT_TARGET = """
INSERT INTO app.journey_cursors AS c (org_id, position, settings_version, norms_day)
VALUES (%s::uuid, 0, %s::integer, %s::date) ON CONFLICT (org_id) DO UPDATE SET
  settings_version = greatest(c.settings_version, EXCLUDED.settings_version),
  norms_day = greatest(c.norms_day, EXCLUDED.norms_day)
"""

_UPSERT_POSITION = """
INSERT INTO app.journey_cursors AS c (org_id, position, settings_version)
VALUES (%s::uuid, %s::bigint, 0)
ON CONFLICT (org_id) DO UPDATE SET position = greatest(c.position, EXCLUDED.position)
"""

_INSERT_CURSOR = """
INSERT INTO app.journey_cursors (org_id, position, settings_version) VALUES (%s::uuid, 0, 0)
ON CONFLICT (org_id) DO NOTHING
"""

_LOCK_CURSOR = """
SELECT position FROM app.journey_cursors WHERE org_id = %s FOR UPDATE SKIP LOCKED
"""

_SELECT_END = f"SELECT coalesce(max(position), 0) FROM app.event_log WHERE position < {_HORIZON}"  # noqa: S608

# One row of each organisation by the key of the log, however long that is and whatever it is of.
# By pairs, for else the index by position alone would do, which has those of all organisations.
_SELECT_BEHIND = f"""
SELECT o.org_id FROM app.organisations o LEFT JOIN app.journey_cursors c ON c.org_id = o.org_id
CROSS JOIN LATERAL (
  SELECT FROM app.event_log l
  WHERE l.org_id = o.org_id AND (l.org_id, l.position) > (o.org_id, coalesce(c.position, 0))
    AND (l.org_id, l.position) < (o.org_id, {_HORIZON})
  ORDER BY l.position LIMIT 1) AS next
"""  # noqa: S608

_SELECT_LOGGED = f"""
SELECT org_id, max(position), bool_or({_RELEVANT}) FROM app.event_log
WHERE position > %s AND position < {_HORIZON} GROUP BY org_id
"""  # noqa: S608

# The stored size of an array tells the number of its ids without fetching it.
_SELECT_LOG = f"""
SELECT position, CASE WHEN relevant THEN event_ids ELSE '{{}}' END, logged_at FROM (
  SELECT position, event_ids, logged_at, relevant, bytes,
    sum(bytes) OVER (ORDER BY position) AS total
  FROM (
    SELECT position, event_ids, logged_at, {_RELEVANT} AS relevant,
      CASE WHEN {_RELEVANT} THEN pg_column_size(event_ids) ELSE 0 END AS bytes
    FROM app.event_log
    WHERE org_id = %s AND position > %s AND position < {_HORIZON} ORDER BY position LIMIT %s
  ) AS next
) AS piece
WHERE total - bytes < %s ORDER BY position
"""  # noqa: S608
_ID_BYTES = 16

_EVENT = "e.client_id, e.event_id, e.occurred_at, e.type_id, e.data -> 'properties'"

# LATERAL with a LIMIT: no planner makes a join of it that reads all events.
_SELECT_EVENTS = f"""
SELECT e.* FROM unnest(%b::timestamptz[], %b::uuid[]) AS k (id_time, event_id)
CROSS JOIN LATERAL (
  SELECT {_EVENT} FROM app.events e
  WHERE e.org_id = %s AND e.id_time = k.id_time AND e.event_id = k.event_id
    AND e.type_id IN ({_TYPES}) AND e.client_id IS NOT NULL LIMIT 1
) AS e
"""  # noqa: S608

_SELECT_UNADOPTED_ORGANISATIONS = """
SELECT o.org_id FROM app.organisations o
WHERE EXISTS (SELECT FROM app.clients c WHERE c.org_id = o.org_id AND NOT c.adopted)
"""

_SELECT_UNADOPTED = """
SELECT client_id, created_at FROM app.clients
WHERE org_id = %s AND NOT adopted ORDER BY client_id LIMIT %s
"""

_SELECT_EVENTS_OF = f"""
SELECT e.* FROM unnest(%(clients)s::text[]) AS k (client_id)
CROSS JOIN LATERAL (
  SELECT {_EVENT} FROM app.events e
  WHERE e.org_id = %(org)s AND e.client_id = k.client_id AND e.type_id IN ({_TYPES})
    AND (e.occurred_at, e.event_id) > (%(at)s::timestamptz, %(event)s::uuid)
  ORDER BY e.occurred_at, e.event_id LIMIT %(limit)s
) AS e
ORDER BY e.client_id, e.occurred_at, e.event_id
"""  # noqa: S608

Told = tuple[str, Happening]
"""An ingested event as one of a journey, and whose."""

Place = tuple[Micros, UUID]
"""Of an ingested event among those of its client."""


@dataclass(frozen=True, slots=True)
class Due:
    """An organisation with clients whose time has come."""

    org_id: UUID
    since: datetime
    """Of the first of them."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An organisation of which some clients may stand by old settings or norms."""

    org_id: UUID
    settings_version: int
    has_new_settings: bool
    """Not all are known to be restated with them."""
    has_norms: bool
    """Those of today are made."""


@dataclass(frozen=True, slots=True)
class Window:
    """The next clients of a walk."""

    last: str
    full: bool
    """More may follow."""
    stale: Sequence[str]


@dataclass(frozen=True, slots=True)
class Logged:
    """What an organisation wrote to the log since the last look."""

    org_id: UUID
    position: int
    matters: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the log, in the order of commits: the ids of rows that matter."""

    position: int
    """Of its last row."""
    event_ids: Sequence[UUID]
    logged_at: datetime
    """When its first row was written."""


async def select_due(raw: RawConnection, now: datetime) -> list[Due]:
    """Who has clients whose time has come, whoever has waited longest first."""
    return [Due(*row) async for row in await raw.execute(_SELECT_DUE, (now,))]


async def lock_due(raw: RawConnection, org_id: UUID, now: datetime, limit: int) -> list[str]:
    """Clients whose time has come, for this transaction alone."""
    return [row[0] async for row in await raw.execute(_LOCK_DUE, (org_id, now, limit))]


async def select_unsettled(raw: RawConnection, day: date) -> list[Unsettled]:
    """Whose clients were not all restated with the newest settings and the norms of the day."""
    return [Unsettled(*row) async for row in await raw.execute(_SELECT_UNSETTLED, {"day": day})]


async def lock_walk(raw: RawConnection, org_id: UUID) -> bool:
    """Whether this transaction may take a step; only one at a time does."""
    row = await (await raw.execute(_TRY_LOCK, (org_id,))).fetchone()
    assert row is not None
    return bool(row[0])


async def select_stale(
    raw: RawConnection, org_id: UUID, version: int, known: datetime, *, after: str, limit: int
) -> Window:
    """Of the next clients by id those with other settings, or norms from before then."""
    parameters = {
        "org": org_id,
        "version": version,
        "known": known,
        "after": after,
        "limit": limit,
    }
    row = await (await raw.execute(_SELECT_STALE, parameters)).fetchone()
    assert row is not None
    last, count, stale = row
    return Window(last or after, count == limit, stale)


async def insert_norms(
    raw: RawConnection, org_id: UUID, day: date, until: datetime
) -> tuple[bool, float | None]:
    """Make the norms of a day from visits that ended before; whether nobody had, and the p75."""
    parameters = {"org": org_id, "day": day, "until": until}
    row = await (await raw.execute(_INSERT_NORMS, parameters)).fetchone()
    return (False, None) if row is None else (True, row[0])


async def select_norms_before(
    raw: RawConnection, org_id: UUID, day: date
) -> tuple[date, float | None] | None:
    """The norms that held before a day, and since when."""
    row = await (await raw.execute(_SELECT_NORMS, (org_id, day))).fetchone()
    return None if row is None else (row[0], row[1])


async def select_norms_day(raw: RawConnection, org_id: UUID) -> date | None:
    """With the norms of which day all were restated."""
    row = await (await raw.execute(_SELECT_NORMS_DAY, (org_id,))).fetchone()
    return None if row is None else row[0]


async def delete_norms(raw: RawConnection, org_id: UUID, before: date) -> None:
    """Those of long ago."""
    await raw.execute(_DELETE_NORMS, (org_id, before))


async def upsert_target(raw: RawConnection, org_id: UUID, target: Target) -> None:
    """All clients were restated with these settings and norms; without a day, with the former."""
    parameters = (org_id, target.settings_version, target.norms_day)
    await raw.execute(_UPSERT_TARGET, parameters)


async def insert_cursor(raw: RawConnection, org_id: UUID) -> None:
    """Nothing is followed yet, unless something is."""
    await raw.execute(_INSERT_CURSOR, (org_id,))


async def lock_cursor(raw: RawConnection, org_id: UUID) -> int | None:
    """How far the log is followed; None while another has it in hand, and where there is none."""
    row = await (await raw.execute(_LOCK_CURSOR, (org_id,))).fetchone()
    return None if row is None else int(row[0])


async def upsert_position(raw: RawConnection, org_id: UUID, position: int) -> None:
    """The log is followed up to here: to a row that is there."""
    await raw.execute(_UPSERT_POSITION, (org_id, position))


async def select_end(raw: RawConnection) -> int:
    """The last position of the log that nothing can come before any more."""
    row = await (await raw.execute(_SELECT_END)).fetchone()
    assert row is not None
    return int(row[0])


async def select_behind(raw: RawConnection) -> list[UUID]:
    """Who has something after its cursor, whether it matters or not."""
    return [row[0] async for row in await raw.execute(_SELECT_BEHIND)]


async def select_logged(raw: RawConnection, after: int) -> list[Logged]:
    """Who has written to the log after a position."""
    return [Logged(*row) async for row in await raw.execute(_SELECT_LOGGED, (after,))]


async def select_log(
    raw: RawConnection, org_id: UUID, after: int, *, rows: int, events: int
) -> Batch | None:
    """The next rows of the log, about so many events of them; None at its end."""
    parameters = (org_id, after, rows, events * _ID_BYTES)
    found = await (await raw.execute(_SELECT_LOG, parameters, binary=True)).fetchall()
    if not found:
        return None
    return Batch(found[-1][0], [one for row in found for one in row[1]], found[0][2])


async def select_told(raw: RawConnection, org_id: UUID, event_ids: Sequence[UUID]) -> list[Told]:
    """Of these events those that count in journeys and still exist."""
    packed = [event_id.bytes for event_id in event_ids]
    places = Instants([ids.place_ms(one) * 1000 - EPOCH_MICROS for one in packed])
    cursor = await raw.execute(_SELECT_EVENTS, (places, Uuids(packed), org_id), binary=True)
    return [_told(row) for row in await cursor.fetchall()]


async def select_unadopted_organisations(raw: RawConnection) -> list[UUID]:
    """Who has clients of whose past nobody has looked for."""
    return [row[0] async for row in await raw.execute(_SELECT_UNADOPTED_ORGANISATIONS)]


async def select_unadopted(raw: RawConnection, org_id: UUID, limit: int) -> dict[str, datetime]:
    """Clients of whose past nobody has looked for, by id, and when each was made known."""
    return {row[0]: row[1] async for row in await raw.execute(_SELECT_UNADOPTED, (org_id, limit))}


async def select_told_of(
    raw: RawConnection, org_id: UUID, client_ids: Iterable[str], *, after: Place, limit: int
) -> list[Told]:
    """Ingested events that name these clients, by client and time; so many of each."""
    at, event_id = after
    parameters = {
        "org": org_id,
        "clients": list(client_ids),
        "at": from_micros(at),
        "event": event_id,
        "limit": limit,
    }
    cursor = await raw.execute(_SELECT_EVENTS_OF, parameters, binary=True)
    return [_told(row) for row in await cursor.fetchall()]


def _told(row: Sequence[Any]) -> Told:
    client_id, event_id, occurred_at, type_id, properties = row
    known = properties if isinstance(properties, dict) else {}
    return client_id, rules.happening(event_id, to_micros(occurred_at), type_id, known)

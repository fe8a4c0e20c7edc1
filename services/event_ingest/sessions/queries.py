"""The SQL of sessions: following the commit log, reading and writing them in sets, listing them.

Look-ups by many keys are LATERAL with a LIMIT, which keeps the planner from turning them into joins
that read a whole table; that a table was empty when it looked must not mislead it either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import DateTime, RowMapping, Uuid, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.event_ingest.event_types.rules import TypeId
from services.event_ingest.events.rules import Cursor
from services.event_ingest.sessions import rules
from services.event_ingest.sessions.rules import End, Key, Session, Span
from shared import arrays, ids
from shared.arrays import EPOCH_MICROS
from shared.database import RawConnection
from shared.schema.events import sessions

Arrivals = dict[Key, dict[UUID, Session]]
"""Events by key and id, each as a session of its own."""

_LOCK_CURSOR = """
SELECT position FROM app.session_cursors WHERE org_id = %s FOR UPDATE SKIP LOCKED
"""

_AVOID_SCANS = "SELECT set_config('enable_seqscan', 'off', true)"

_INSERT_CURSOR = """
INSERT INTO app.session_cursors (org_id, position) VALUES (%s, 0) ON CONFLICT DO NOTHING
"""

_UPDATE_CURSOR = "UPDATE app.session_cursors SET position = %s WHERE org_id = %s"

# Nothing can appear below it any more.
_HORIZON = "app.log_horizon()"

# The stored size of an array tells the number of its ids without fetching it.
_SELECT_LOG = f"""
SELECT position, event_ids, logged_at FROM (
  SELECT position, event_ids, logged_at, pg_column_size(event_ids) AS bytes,
    sum(pg_column_size(event_ids)) OVER (ORDER BY position) AS total
  FROM (
    SELECT position, event_ids, logged_at FROM app.event_log
    WHERE org_id = %s AND position > %s AND position < {_HORIZON} ORDER BY position LIMIT %s
  ) AS next
) AS piece
WHERE total - bytes < %s ORDER BY position
"""  # noqa: S608 - no value of a caller

# The maintenance login finds who has work; it sees every organisation.
_SELECT_BEHIND = f"""
SELECT l.org_id FROM app.event_log l LEFT JOIN app.session_cursors c ON c.org_id = l.org_id
WHERE l.position > coalesce(c.position, 0) AND l.position < {_HORIZON}
GROUP BY l.org_id
"""  # noqa: S608

_SELECT_END = f"SELECT coalesce(max(position), 0) FROM app.event_log WHERE position < {_HORIZON}"  # noqa: S608

_SELECT_LOGGED = f"""
SELECT org_id, max(position) FROM app.event_log
WHERE position > %s AND position < {_HORIZON} GROUP BY org_id
"""  # noqa: S608

_EVENT = """e.event_id, e.user_id, e.session_id,
  (extract(epoch FROM e.occurred_at) * 1000000)::bigint AS occurred_us, e.type_id, e.feature,
  e.points, (e.data -> 'context')::text AS context"""

_SELECT_EVENTS = f"""
SELECT e.* FROM unnest(%b::timestamptz[], %b::uuid[]) AS k (id_time, event_id)
CROSS JOIN LATERAL (
  SELECT {_EVENT} FROM app.events e
  WHERE e.org_id = %s AND e.id_time = k.id_time AND e.event_id = k.event_id LIMIT 1
) AS e
WHERE e.user_id IS NOT NULL
"""  # noqa: S608

# One statement and so one snapshot for both: the events of some spans, and the ids that are logged
# but not yet folded, for those will come again.
_SELECT_EVENTS_OF_SPANS = f"""
SELECT e.*, NULL::uuid[] AS to_come
FROM unnest(%(user)b::text[], %(session)b::text[], %(from)b::timestamptz[], %(to)b::timestamptz[])
  AS k (user_id, session_id, since, until)
CROSS JOIN LATERAL (
  SELECT {_EVENT} FROM app.events e
  WHERE e.org_id = %(org)s AND e.user_id = k.user_id AND coalesce(e.session_id, '') = k.session_id
    AND e.occurred_at >= k.since AND e.occurred_at <= k.until LIMIT ALL
) AS e
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, event_ids FROM app.event_log
WHERE org_id = %(org)s AND position > %(position)s
"""  # noqa: S608

_SESSION = """user_id, session_id, (extract(epoch FROM started_at) * 1000000)::bigint,
  (extract(epoch FROM last_event_at) * 1000000)::bigint, event_count, export_count,
  competency_points, tools::text, device::text, ended_by"""

_SELECT_SESSIONS_NEAR = f"""
SELECT s.* FROM unnest(%(user)b::text[], %(session)b::text[], %(from)b::timestamptz[],
  %(to)b::timestamptz[]) AS k (user_id, session_id, since, until)
CROSS JOIN LATERAL (
  (SELECT {_SESSION} FROM app.sessions
   WHERE org_id = %(org)s AND user_id = k.user_id AND session_id = k.session_id
     AND started_at <= k.since ORDER BY started_at DESC LIMIT 1)
  UNION ALL
  (SELECT {_SESSION} FROM app.sessions
   WHERE org_id = %(org)s AND user_id = k.user_id AND session_id = k.session_id
     AND started_at > k.since AND started_at < k.until LIMIT ALL)
) AS s
"""  # noqa: S608

_DELETE_SESSIONS = """
DELETE FROM app.sessions s USING unnest(%b::text[], %b::text[], %b::timestamptz[])
  AS k (user_id, session_id, started_at)
WHERE s.org_id = %s AND s.user_id = k.user_id AND s.session_id = k.session_id
  AND s.started_at = k.started_at
"""

_UPSERT_SESSIONS = """
INSERT INTO app.sessions (org_id, user_id, session_id, started_at, session_key, last_event_at,
  ended_by, event_count, export_count, competency_points, tools, primary_tool, device)
SELECT %s::uuid, s.* FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::uuid[],
  %b::timestamptz[], %b::smallint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::jsonb[],
  %b::text[], %b::jsonb[]) AS s
ON CONFLICT (org_id, user_id, session_id, started_at) DO UPDATE SET
  last_event_at = EXCLUDED.last_event_at, ended_by = EXCLUDED.ended_by,
  event_count = EXCLUDED.event_count, export_count = EXCLUDED.export_count,
  competency_points = EXCLUDED.competency_points, tools = EXCLUDED.tools,
  primary_tool = EXCLUDED.primary_tool, device = EXCLUDED.device
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the log, in the order of commits."""

    position: int
    """Of its last row."""
    event_ids: Sequence[UUID]
    logged_at: datetime
    """When its first row was written."""


async def lock_cursor(raw: RawConnection, org_id: UUID) -> int | None:
    """How far the organisation's log is folded; None while another worker has it in hand."""
    await raw.execute(_AVOID_SCANS)
    cursor = await raw.execute(_LOCK_CURSOR, (org_id,))
    row = await cursor.fetchone()
    if row is None:
        await raw.execute(_INSERT_CURSOR, (org_id,))
        row = await (await raw.execute(_LOCK_CURSOR, (org_id,))).fetchone()
    return None if row is None else int(row[0])


async def update_cursor(raw: RawConnection, org_id: UUID, position: int) -> None:
    """Everything up to this position is folded."""
    await raw.execute(_UPDATE_CURSOR, (position, org_id))


async def select_batch(
    raw: RawConnection, org_id: UUID, after: int, *, rows: int, events: int
) -> Batch | None:
    """The next rows of the log, about so many events of them; None at its end."""
    parameters = (org_id, after, rows, events * _ID_BYTES)
    cursor = await raw.execute(_SELECT_LOG, parameters, binary=True)
    found = await cursor.fetchall()
    if not found:
        return None
    event_ids = [event_id for row in found for event_id in row[1]]
    return Batch(found[-1][0], event_ids, found[0][2])


async def select_end(raw: RawConnection) -> int:
    """The last position of the log, as far as it is complete; 0 when it is empty."""
    row = await (await raw.execute(_SELECT_END)).fetchone()
    assert row is not None
    return int(row[0])


async def select_organisations_behind(raw: RawConnection) -> list[UUID]:
    """Who has more in the log than is folded; reads all of the log that is not."""
    return [row[0] async for row in await raw.execute(_SELECT_BEHIND)]


async def select_organisations_logged(raw: RawConnection, after: int) -> dict[UUID, int]:
    """Who has something in the log after a position, each with its last one."""
    return {row[0]: row[1] async for row in await raw.execute(_SELECT_LOGGED, (after,))}


async def select_events(raw: RawConnection, org_id: UUID, event_ids: Sequence[UUID]) -> Arrivals:
    """The events of these ids that have a user and still exist."""
    packed = [event_id.bytes for event_id in event_ids]
    places = _instants(ids.place_ms(event_id) * 1000 for event_id in packed)
    cursor = await raw.execute(
        _SELECT_EVENTS, (places, arrays.Uuids(packed), org_id), binary=True, prepare=True
    )
    arrivals: Arrivals = defaultdict(dict)
    for row in await cursor.fetchall():
        arrivals[Key(row[1], row[2] or "")][row[0]] = _event(row)
    return arrivals


async def select_events_of_spans(
    raw: RawConnection, org_id: UUID, spans: Sequence[Span], *, position: int
) -> Arrivals:
    """The events that lie in the spans, bounds included, and are in the log up to a position."""
    parameters = {**_of_spans(spans), "org": org_id, "position": position}
    cursor = await raw.execute(_SELECT_EVENTS_OF_SPANS, parameters, binary=True, prepare=True)
    rows = await cursor.fetchall()
    to_come = {event_id for row in rows for event_id in row[8] or ()}
    found: Arrivals = defaultdict(dict)
    for row in rows:
        if row[8] is None and row[0] not in to_come:
            found[Key(row[1], row[2] or "")][row[0]] = _event(row)
    return found


async def select_sessions_near(
    raw: RawConnection, org_id: UUID, spans: Sequence[Span]
) -> list[tuple[Key, Session]]:
    """Of each span the last session that starts at or before it, and those that start inside."""
    parameters = {**_of_spans(spans), "org": org_id}
    cursor = await raw.execute(_SELECT_SESSIONS_NEAR, parameters, binary=True, prepare=True)
    return [(Key(row[0], row[1]), _session(row)) for row in await cursor.fetchall()]


async def delete_sessions(
    raw: RawConnection, org_id: UUID, starts: Sequence[tuple[Key, int]]
) -> None:
    """Sessions that are no more."""
    users = arrays.Texts([key.user_id for key, _ in starts])
    session_ids = arrays.Texts([key.session_id for key, _ in starts])
    instants = _instants(started_us for _, started_us in starts)
    await raw.execute(_DELETE_SESSIONS, (users, session_ids, instants, org_id))


async def upsert_sessions(
    raw: RawConnection, org_id: UUID, changed: Sequence[tuple[Key, Session]]
) -> None:
    """Sessions as they are now."""
    parameters = (
        org_id,
        arrays.Texts([key.user_id for key, _ in changed]),
        arrays.Texts([key.session_id for key, _ in changed]),
        _instants(one.started_us for _, one in changed),
        arrays.Uuids([rules.session_key(key, one.started_us) for key, one in changed]),
        _instants(one.last_us for _, one in changed),
        arrays.Smallints([one.end for _, one in changed]),
        arrays.Bigints([one.events for _, one in changed]),
        arrays.Bigints([one.exports for _, one in changed]),
        arrays.Bigints([one.points for _, one in changed]),
        arrays.Jsonbs([orjson.dumps(one.tools) for _, one in changed]),
        arrays.Texts([one.primary_tool for _, one in changed]),
        arrays.Jsonbs([orjson.dumps(one.device) if one.device else b"{}" for _, one in changed]),
    )
    await raw.execute(_UPSERT_SESSIONS, parameters, prepare=True)


async def select_session(
    connection: AsyncConnection, org_id: UUID, session_key: UUID
) -> RowMapping | None:
    """The session of that key."""
    query = select(sessions).where(_S.org_id == org_id, _S.session_key == session_key)
    return (await connection.execute(query)).mappings().one_or_none()


async def select_sessions(
    connection: AsyncConnection,
    org_id: UUID,
    *,
    where: rules.SessionFilter,
    before: Cursor | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Sessions by start and key, the latest first, after the place of `before`."""
    query = select(sessions).where(_S.org_id == org_id)
    if where.user_id:
        query = query.where(_S.user_id == where.user_id)
    if where.since is not None:
        query = query.where(_S.started_at >= where.since)
    if where.until is not None:
        query = query.where(_S.started_at < where.until)
    if before is not None:
        place = literal(before[0], DateTime(timezone=True)), literal(before[1], Uuid)
        query = query.where(tuple_(_S.started_at, _S.session_key) < tuple_(*place))
    query = query.order_by(_S.started_at.desc(), _S.session_key.desc()).limit(limit)
    return (await connection.execute(query)).mappings().all()


_S = sessions.c
_ID_BYTES = 16
_DEVICE = ("device_type", "browser", "os", "referrer")


def _instants(moments_us: Iterable[int]) -> arrays.Instants:
    return arrays.Instants([moment_us - EPOCH_MICROS for moment_us in moments_us])


def _of_spans(spans: Sequence[Span]) -> dict[str, arrays.Packed]:
    return {
        "user": arrays.Texts([span.key.user_id for span in spans]),
        "session": arrays.Texts([span.key.session_id for span in spans]),
        "from": _instants(span.from_us for span in spans),
        "to": _instants(span.to_us for span in spans),
    }


def _event(row: Sequence[Any]) -> Session:
    """An event as a session of its own, from the columns of _EVENT."""
    _, _, _, moment_us, type_id, feature, points, context = row[:8]
    return Session(
        moment_us,
        moment_us,
        exports=int(type_id == TypeId.EXPORT_ACTION),
        points=points or 0,
        tools={feature: (1, moment_us)} if feature else {},
        device=_device(orjson.loads(context), moment_us) if context else {},
        end=End.LOGOUT if type_id == TypeId.LOGOUT else End.UNSPECIFIED,
    )


def _device(context: Mapping[str, str], moment_us: int) -> rules.Device:
    return {name: (moment_us, context[name]) for name in _DEVICE if name in context}


def _session(row: Sequence[Any]) -> Session:
    """A stored session, from the columns of _SESSION."""
    started_us, last_us, events, exports, points, tools, device, end = row[2:]
    return Session(
        started_us,
        last_us,
        events,
        exports,
        points,
        {name: (used, first_us) for name, (used, first_us) in orjson.loads(tools).items()},
        {name: (said_us, value) for name, (said_us, value) in orjson.loads(device).items()},
        End(end),
        stored=True,
    )

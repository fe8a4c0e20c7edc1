"""The SQL of counting anew: by the text that counts what is stored, so that both agree."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from services.event_ingest.events.queries import COUNTED, DAILY, HOURLY
from services.event_ingest.recount.rules import Counting, Cuts, First, Piece
from services.event_ingest.roll_ups.queries import COUNTS, FOLDED
from shared.database import RawConnection

# It takes as long as it takes, but not while it does nothing: no event of the organisation is
# stored meanwhile, and a program that is stopped or cut off must not hold that up for ever. The
# order of time is that of an index.
_SELECT_PATIENCE = """
SELECT set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'off', true)
"""

_SELECT_RETENTION = """
SELECT o.retention_days,
  coalesce(array_agg(t.type_id) FILTER (WHERE t.type_id IS NOT NULL), '{}'),
  coalesce(array_agg(t.retention_days) FILTER (WHERE t.type_id IS NOT NULL), '{}')
FROM app.organisations o
LEFT JOIN app.event_types t ON t.org_id = o.org_id AND t.retention_days IS NOT NULL
WHERE o.org_id = %s GROUP BY o.org_id
"""

# Of one type by its number, or of all others: the first event that is kept, the first that counted.
_OF_CLASS = "{of}.org_id = %(org)s AND {of}.type_id {which}"
_SELECT_FIRST = """
SELECT (SELECT e.occurred_at FROM app.events e WHERE {events} ORDER BY e.occurred_at LIMIT 1),
  (SELECT min(h.hour) FROM app.event_hourly h WHERE {hours})
"""

_SELECT_COUNT = "SELECT coalesce(sum(events), 0)::bigint FROM app.event_hourly WHERE org_id = %s"

_SELECT_HOURS_DIFFER = """
SELECT EXISTS (
  SELECT FROM (
    SELECT occurred_at AT TIME ZONE %(old)s AS old, occurred_at AT TIME ZONE %(new)s AS new
    FROM app.events WHERE org_id = %(org)s) AS local
  WHERE old - date_trunc('hour', old) <> new - date_trunc('hour', new))
"""

_CUT = """coalesce((SELECT k.cut FROM unnest(%(types)s::integer[], %(cuts)s::timestamptz[])
  AS k (type_id, cut) WHERE k.type_id = {of}.type_id), %(cut)s::timestamptz)"""

_DELETE_HOURS = f"""
DELETE FROM app.event_hourly h WHERE h.org_id = %(org)s AND h.hour >= {_CUT.format(of="h")}
"""  # noqa: S608

_DAYS = ("user_day", "feature_day", "client_day", "client_revenue_day")

_DELETE_DAYS = "DELETE FROM app.{} WHERE org_id = %s AND day >= %s"

_INSERT_CURSOR = """
INSERT INTO app.session_cursors (org_id, position) VALUES (%s, 0) ON CONFLICT DO NOTHING
"""

_LOCK_CURSOR = "SELECT position FROM app.session_cursors WHERE org_id = %s FOR UPDATE"

_SELECT_PIECE = """
SELECT max(occurred_at) FROM (
  SELECT occurred_at FROM app.events WHERE org_id = %s AND occurred_at > %s
  ORDER BY occurred_at LIMIT %s
) AS piece
"""

_OF_PIECE = """e.org_id = %(org)s::uuid AND e.occurred_at > %(after)s
    AND e.occurred_at <= %(until)s"""

_INSERT_HOURS = f"""
WITH ins AS (
  SELECT {COUNTED} FROM app.events e
  WHERE {_OF_PIECE} AND e.occurred_at >= {_CUT.format(of="e")}
), {HOURLY}
SELECT count(*) FROM ins
"""  # noqa: S608

_INSERT_DAYS = f"""
WITH ins AS (
  SELECT {COUNTED} FROM app.events e WHERE {_OF_PIECE} AND e.occurred_at >= %(cut)s
), {DAILY}
SELECT count(*) FROM app.events e WHERE {_OF_PIECE}
"""  # noqa: S608

# What is not folded yet will be counted when it is.
_INSERT_FOLDED = f"""
WITH to_come AS MATERIALIZED (
  SELECT unnest(event_ids) AS event_id FROM app.event_log
  WHERE org_id = %(org)s AND position > %(position)s
), folded AS MATERIALIZED (
  SELECT {FOLDED} FROM app.events e WHERE {_OF_PIECE} AND e.occurred_at >= %(cut)s
    AND NOT EXISTS (SELECT FROM to_come t WHERE t.event_id = e.event_id)
), {COUNTS}
SELECT count(*) FROM folded
"""  # noqa: S608


async def select_patience(raw: RawConnection) -> None:
    """No statement of this transaction is ended for its length."""
    await raw.execute(_SELECT_PATIENCE)


async def select_retention(raw: RawConnection, org_id: UUID) -> tuple[int | None, dict[int, int]]:
    """For how many days the organisation keeps events, and those of types that say their own."""
    days, types, days_by_type = await _row(raw, _SELECT_RETENTION, (org_id,))
    return days, dict(zip(types, days_by_type, strict=True))


async def select_first(
    raw: RawConnection, org_id: UUID, type_id: int | None, others_than: Collection[int]
) -> First:
    """The first kept event of a type, or of all types but some, and the first hour of theirs."""
    which = "<> ALL(%(types)s::integer[])" if type_id is None else "= %(type)s"
    query = _SELECT_FIRST.format(
        events=_OF_CLASS.format(of="e", which=which), hours=_OF_CLASS.format(of="h", which=which)
    )
    parameters = {"org": org_id, "type": type_id, "types": list(others_than)}
    return First(*await _row(raw, query, parameters))


async def select_count(raw: RawConnection, org_id: UUID) -> int:
    """About how many events there are: as many as were counted."""
    (count,) = await _row(raw, _SELECT_COUNT, (org_id,))
    return int(count)


async def select_hours_differ(raw: RawConnection, org_id: UUID, old: str, new: str) -> bool:
    """Whether some event belongs to another hour there: where zones differ by half hours."""
    (differ,) = await _row(raw, _SELECT_HOURS_DIFFER, {"org": org_id, "old": old, "new": new})
    return bool(differ)


async def delete_hours(raw: RawConnection, org_id: UUID, cuts: Cuts) -> None:
    """The counters of all hours since the cuts."""
    await raw.execute(_DELETE_HOURS.encode(), {"org": org_id, **_of_cuts(cuts)})


async def lock_cursor(raw: RawConnection, org_id: UUID) -> int:
    """How far the log is folded, and stays until this transaction ends."""
    await raw.execute(_INSERT_CURSOR, (org_id,))
    (position,) = await _row(raw, _LOCK_CURSOR, (org_id,))
    return int(position)


async def delete_days(raw: RawConnection, org_id: UUID, cuts: Cuts) -> None:
    """All days since the cut, of users, features and clients."""
    for table in _DAYS:
        await raw.execute(_DELETE_DAYS.format(table).encode(), (org_id, cuts.day))


async def select_piece(
    raw: RawConnection, org_id: UUID, after: datetime, limit: int
) -> Piece | None:
    """The time that the next events take, about so many of them; None when there are no more."""
    (until,) = await _row(raw, _SELECT_PIECE, (org_id, after, limit))
    return None if until is None else Piece(after, until)


async def insert_hours(raw: RawConnection, counting: Counting, piece: Piece) -> None:
    """Count the events of a piece into their hours."""
    await raw.execute(_INSERT_HOURS.encode(), _of(counting, piece))


async def insert_days(raw: RawConnection, counting: Counting, piece: Piece) -> int:
    """Count them into the days of their users; says how many the piece holds."""
    (count,) = await _row(raw, _INSERT_DAYS, _of(counting, piece))
    return int(count)


async def insert_folded(raw: RawConnection, counting: Counting, piece: Piece) -> None:
    """Count those that are folded into the days of their features and clients."""
    await raw.execute(_INSERT_FOLDED.encode(), _of(counting, piece))


def _of(counting: Counting, piece: Piece) -> dict[str, object]:
    return {
        "org": counting.org_id,
        "zone": counting.zone,
        "position": counting.position,
        **_of_cuts(counting.cuts),
        **piece._asdict(),
    }


def _of_cuts(cuts: Cuts) -> dict[str, object]:
    return {
        "types": list(cuts.of_types),
        "cuts": list(cuts.of_types.values()),
        "cut": cuts.of_others,
    }


async def _row(raw: RawConnection, query: str, parameters: Any) -> tuple[Any, ...]:
    row = await (await raw.execute(query.encode(), parameters)).fetchone()
    assert row is not None
    return row

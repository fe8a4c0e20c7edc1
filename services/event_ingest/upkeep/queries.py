"""Every statement of the maintenance login but those by which sessions find their work.

It bypasses row-level security, so each names its organisation, or says why it names none.
`docs/security.md` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, LiteralString
from uuid import UUID

from services.event_ingest.upkeep.rules import Organisation, Partition, Sweep
from shared.database import RawConnection

_LOCK = 0x466F6F7470_757365  # "Footpuse": any number nobody else takes

_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s), set_config('enable_seqscan', 'off', true)"

_KEEP_AWAY = "SELECT pg_advisory_xact_lock(%s)"

_SELECT_PARTITIONS = r"""
SELECT name, bounds[1]::timestamptz, bounds[2]::timestamptz, used FROM (
  SELECT c.relname AS name, pg_relation_size(c.oid) > 0 AS used,
    regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('(.+)'\) TO \('(.+)'\)$$) AS bounds
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'app.events'::regclass
) AS p
WHERE bounds IS NOT NULL ORDER BY 2
"""

# Somebody's events of these ids that may still be kept: late for their id, or by their own word.
_SELECT_KEPT = """
SELECT EXISTS (
  SELECT FROM app.organisations o CROSS JOIN LATERAL (
    SELECT FROM app.events e WHERE e.org_id = o.org_id AND e.id_time >= %(since)s
      AND e.id_time < %(until)s AND e.occurred_at >= %(oldest)s LIMIT 1) AS late
) OR EXISTS (
  SELECT FROM app.organisations o CROSS JOIN LATERAL (
    SELECT FROM app.events e WHERE e.org_id = o.org_id AND e.id_time >= %(since)s
      AND e.id_time < %(until)s AND e.retention_days IS NOT NULL
      AND (e.occurred_at AT TIME ZONE 'UTC') + e.retention_days * interval '1 day'
        > (%(now)s::timestamptz AT TIME ZONE 'UTC') LIMIT 1) AS own
)
"""

_SELECT_ORGANISATIONS = """
SELECT o.org_id, o.time_zone, o.retention_days,
  coalesce(array_agg(t.type_id) FILTER (WHERE t.type_id IS NOT NULL), '{}'),
  coalesce(array_agg(t.retention_days) FILTER (WHERE t.type_id IS NOT NULL), '{}')
FROM app.organisations o
LEFT JOIN app.event_types t ON t.org_id = o.org_id AND t.retention_days IS NOT NULL
GROUP BY o.org_id
"""

# One step of the index for each number of days that events say.
_SELECT_OWN_DAYS = """
WITH RECURSIVE said (days) AS (
  SELECT min(retention_days) FROM app.events WHERE org_id = %(org)s AND retention_days IS NOT NULL
  UNION ALL
  SELECT (SELECT min(e.retention_days) FROM app.events e
          WHERE e.org_id = %(org)s AND e.retention_days > said.days)
  FROM said WHERE said.days IS NOT NULL
)
SELECT days FROM said WHERE days IS NOT NULL
"""

# Which events a sweep speaks of: `own_days`, some types, or all types but some.
_OWN = "retention_days = %(days)s"
_OF_TYPES = "retention_days IS NULL AND type_id = ANY(%(types)s::integer[])"
_OF_OTHER_TYPES = "retention_days IS NULL AND type_id <> ALL(%(types)s::integer[])"

# An index has the order of time for all events and for those of one number of days. A type has
# none: its events are looked for among so many of all.
_SELECT_PIECE = """
SELECT max(occurred_at), count(*) FROM (
  SELECT occurred_at FROM app.events WHERE org_id = %(org)s AND occurred_at > %(since)s
    AND occurred_at < %(before)s ORDER BY occurred_at LIMIT %(limit)s
) AS piece
"""
_SELECT_OWN_PIECE = _SELECT_PIECE.replace("ORDER BY", f"AND {_OWN} ORDER BY")

_DELETE_EVENTS = """
DELETE FROM app.events WHERE org_id = %(org)s AND occurred_at > %(since)s
  AND occurred_at < %(before)s AND occurred_at <= %(until)s
"""

_DELETE_DAYS: LiteralString = """
DELETE FROM app.{table} WHERE org_id = %(org)s AND day <= (
  SELECT max(day) FROM (
    SELECT day FROM app.{table} WHERE org_id = %(org)s
      AND day < (%(before)s::timestamptz AT TIME ZONE %(zone)s)::date
    ORDER BY day LIMIT %(limit)s) AS piece)
"""

_DELETE: Mapping[str, LiteralString] = {
    "user_day": _DELETE_DAYS.replace("{table}", "user_day"),
    "feature_day": _DELETE_DAYS.replace("{table}", "feature_day"),
    "client_day": _DELETE_DAYS.replace("{table}", "client_day"),
    "client_revenue_day": _DELETE_DAYS.replace("{table}", "client_revenue_day"),
    "sessions": """
        DELETE FROM app.sessions WHERE org_id = %(org)s AND last_event_at < %(before)s
        AND started_at <= (
          SELECT max(started_at) FROM (
            SELECT started_at FROM app.sessions WHERE org_id = %(org)s
              AND started_at < %(before)s AND last_event_at < %(before)s
            ORDER BY started_at LIMIT %(limit)s) AS piece)
        """,
    # Never what is not folded into sessions yet.
    "event_log": """
        DELETE FROM app.event_log WHERE org_id = %(org)s AND logged_at < %(before)s
        AND position <= (
          SELECT max(position) FROM (
            SELECT l.position, l.logged_at FROM app.event_log l
            JOIN app.session_cursors c ON c.org_id = l.org_id AND l.position <= c.position
            WHERE l.org_id = %(org)s ORDER BY l.position LIMIT %(limit)s) AS piece
          WHERE logged_at < %(before)s)
        """,
    "rejected_events": """
        DELETE FROM app.rejected_events WHERE org_id = %(org)s AND rejection_id <= (
          SELECT rejection_id FROM (
            SELECT rejection_id FROM app.rejected_events
            WHERE org_id = %(org)s AND rejection_id < %(before)s
            ORDER BY rejection_id LIMIT %(limit)s) AS piece
          ORDER BY rejection_id DESC LIMIT 1)
        """,
    "rejected_days": """
        DELETE FROM app.rejected_days WHERE org_id = %(org)s AND day < %(before)s
        """,
    "insight_changes": """
        DELETE FROM app.insight_changes WHERE org_id = %(org)s AND logged_at < %(before)s
        AND position <= (
          SELECT max(position) FROM (
            SELECT position FROM app.insight_changes WHERE org_id = %(org)s
            ORDER BY position LIMIT %(limit)s) AS piece)
        """,
    "journey_changes": """
        DELETE FROM app.journey_changes WHERE org_id = %(org)s AND logged_at < %(before)s
        AND position <= (
          SELECT max(position) FROM (
            SELECT position FROM app.journey_changes WHERE org_id = %(org)s
            ORDER BY position LIMIT %(limit)s) AS piece)
        """,
    # Never the newest: it says which times have gone by.
    "insight_runs": """
        DELETE FROM app.insight_runs WHERE org_id = %(org)s AND run_id IN (
          SELECT run_id FROM app.insight_runs
          WHERE org_id = %(org)s AND finished_at < %(before)s
            AND as_of < (SELECT max(as_of) FROM app.insight_runs WHERE org_id = %(org)s)
          LIMIT %(limit)s)
        """,
    "feed_deliveries": """
        DELETE FROM app.feed_deliveries WHERE org_id = %(org)s AND delivery_id IN (
          SELECT delivery_id FROM app.feed_deliveries
          WHERE org_id = %(org)s AND created_at < %(before)s LIMIT %(limit)s)
        """,
    "outbox": """
        DELETE FROM app.outbox WHERE org_id = %(org)s AND message_id IN (
          SELECT message_id FROM app.outbox
          WHERE org_id = %(org)s AND finished_at < %(before)s LIMIT %(limit)s)
        """,
    "request_answers": """
        DELETE FROM app.request_answers WHERE org_id = %(org)s AND answered_at < %(before)s
        AND answered_at <= (
          SELECT max(answered_at) FROM (
            SELECT answered_at FROM app.request_answers
            WHERE org_id = %(org)s AND answered_at < %(before)s
            ORDER BY answered_at LIMIT %(limit)s) AS piece)
        """,
}

# Of all organisations: a token that has ended is nobody's.
_DELETE_REVOKED_TOKENS = "DELETE FROM app.revoked_tokens WHERE expires_at < %s"

Table = Literal[
    "user_day",
    "feature_day",
    "client_day",
    "client_revenue_day",
    "sessions",
    "event_log",
    "rejected_events",
    "rejected_days",
    "request_answers",
    "insight_changes",
    "journey_changes",
    "insight_runs",
    "feed_deliveries",
    "outbox",
]


async def lock_upkeep(raw: RawConnection) -> bool:
    """Whether this transaction may work: only one worker at a time does."""
    row = await (await raw.execute(_TRY_LOCK, (_LOCK,))).fetchone()
    assert row is not None
    return bool(row[0])


async def lock_upkeep_out(raw: RawConnection) -> None:
    """Wait for the worker that does upkeep now; until this transaction ends none deletes."""
    await raw.execute(_KEEP_AWAY, (_LOCK,))


async def select_partitions(raw: RawConnection) -> list[Partition]:
    """The partitions of events that have two ends, in order of time."""
    return [Partition(*row) async for row in await raw.execute(_SELECT_PARTITIONS)]


async def create_partition(raw: RawConnection, since: datetime, until: datetime) -> None:
    """Room for the ids of that time. Waits a second for its lock and then fails."""
    await raw.execute("SELECT app.add_event_partition(%s, %s)", (since, until))


async def truncate_partition(raw: RawConnection, partition: Partition) -> None:
    """All its events at once, and their space: an empty one takes its place."""
    await raw.execute("SELECT app.drop_event_partition(%s)", (partition.name,))
    await create_partition(raw, partition.since, partition.until)


async def select_is_kept(
    raw: RawConnection, partition: Partition, *, oldest: datetime, now: datetime
) -> bool:
    """Whether it holds an event that happened since `oldest`, or that says itself it is kept."""
    parameters = {
        "since": partition.since,
        "until": partition.until,
        "oldest": oldest,
        "now": now,
    }
    row = await (await raw.execute(_SELECT_KEPT, parameters)).fetchone()
    assert row is not None
    return bool(row[0])


async def select_organisations(raw: RawConnection) -> list[Organisation]:
    """Everyone, and what they keep for how long."""
    rows = await (await raw.execute(_SELECT_ORGANISATIONS)).fetchall()
    return [
        Organisation(org_id, zone, days, dict(zip(types, days_by_type, strict=True)))
        for org_id, zone, days, types, days_by_type in rows
    ]


async def select_own_days(raw: RawConnection, org_id: UUID) -> list[int]:
    """The numbers of days that events themselves say."""
    return [row[0] async for row in await raw.execute(_SELECT_OWN_DAYS, {"org": org_id})]


async def delete_events(
    raw: RawConnection, org_id: UUID, sweep: Sweep, *, after: datetime, limit: int
) -> tuple[int, datetime]:
    """Look at the next events after a time, about `limit` of them, and delete what the sweep names.

    Says how many it deleted, and up to when none is left.
    """
    parameters = {
        "org": org_id,
        "since": after,
        "before": sweep.before,
        "days": sweep.own_days,
        "types": list(sweep.types),
        "limit": limit,
    }
    piece = _SELECT_PIECE if sweep.own_days is None else _SELECT_OWN_PIECE
    row = await (await raw.execute(piece.encode(), parameters)).fetchone()
    assert row is not None
    until, found = row
    if until is None:
        return 0, sweep.before
    rule = _OWN if sweep.own_days else _OF_OTHER_TYPES if sweep.others else _OF_TYPES
    deletion = f"{_DELETE_EVENTS} AND {rule}".encode()
    deleted = await raw.execute(deletion, {**parameters, "until": until})
    return deleted.rowcount, sweep.before if found < limit else until


async def delete_expired(
    raw: RawConnection,
    table: Table,
    organisation: Organisation,
    before: datetime | date | UUID,
    *,
    limit: int,
) -> int:
    """Delete about `limit` rows of a table that lie before a time, a day or an id."""
    parameters = {
        "org": organisation.org_id,
        "zone": organisation.time_zone,
        "before": before,
        "limit": limit,
    }
    return (await raw.execute(_DELETE[table], parameters)).rowcount


async def delete_revoked_tokens(raw: RawConnection, now: datetime) -> int:
    """Forget revoked tokens that have ended by themselves."""
    return (await raw.execute(_DELETE_REVOKED_TOKENS, (now,))).rowcount

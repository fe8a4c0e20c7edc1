"""The SQL of the audit log, which only reads. Appending is shared/schema/audit.py's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from services.pricing.audit.rules import Entry, Where
from shared.database import RawConnection

_PIECE = 500
_PIECE_BYTES = 4 * 1024 * 1024

_SELECT_HEAD = "SELECT sequence, entry_hash FROM app.audit_heads WHERE org_id = %s::uuid"
_SELECT_NEWEST = """SELECT sequence FROM app.audit_entries WHERE org_id = %s::uuid
  AND sequence <= %s::bigint ORDER BY sequence DESC LIMIT 1"""

# Texts are made by Postgres, for they say exactly what is kept. A piece is bounded in bytes too.
_SELECT_NEXT = """
SELECT sequence, recorded_at, actor, actor_role, action, target, details, previous_hash, entry_hash
FROM (
  SELECT e.*, row_number() OVER w AS place, sum(octet_length(details)) OVER w AS bytes
  FROM (
    SELECT sequence, recorded_at::text AS recorded_at, actor, actor_role, action, target,
      details::text AS details, previous_hash, entry_hash
    FROM app.audit_entries
    WHERE org_id = %(org_id)s::uuid AND sequence >= %(first)s::bigint
    ORDER BY sequence LIMIT %(most)s::integer
  ) AS e
  WINDOW w AS (ORDER BY sequence ROWS UNBOUNDED PRECEDING)
) AS piece
WHERE place = 1 OR bytes <= %(bytes)s::bigint
ORDER BY sequence
"""

_SELECT_LISTED = """
SELECT sequence, CASE WHEN recorded_at >= '0001-01-02 00:00+00'
    AND recorded_at < '9999-12-31 00:00+00' THEN recorded_at END AS recorded_at,
  actor, actor_role, action, target, details::text AS details, previous_hash, entry_hash
FROM app.audit_entries
WHERE org_id = %(org_id)s::uuid AND sequence <= %(last)s::bigint AND sequence >= %(floor)s::bigint
  AND (%(actor)s::text = '' OR actor = %(actor)s::text)
  AND (%(target)s::text = '' OR target = %(target)s::text)
  AND starts_with(action, %(action_prefix)s::text)
ORDER BY sequence DESC LIMIT %(limit)s::integer
"""

_SELECT_HEADS = "SELECT org_id, sequence, entry_hash FROM app.audit_heads ORDER BY org_id"
_SELECT_HASHES = """
SELECT e.org_id, e.entry_hash
FROM unnest(%s::uuid[], %s::bigint[]) AS k (org_id, sequence)
JOIN app.audit_entries AS e ON e.org_id = k.org_id AND e.sequence = k.sequence
"""
_SELECT_ORGANISATION = "SELECT FROM app.organisations WHERE org_id = %s::uuid"
_SELECT_ORGANISATIONS = """
SELECT org_id FROM app.audit_heads UNION SELECT org_id FROM app.audit_entries ORDER BY org_id
"""


async def select_head(raw: RawConnection, org_id: UUID) -> tuple[int, bytes] | None:
    """Where the log ends, by its own account."""
    cursor = await raw.execute(_SELECT_HEAD, (org_id,))
    row = await cursor.fetchone()
    return None if row is None else (row[0], bytes(row[1]))


async def select_newest(raw: RawConnection, org_id: UUID, last: int) -> int | None:
    """The number of the last entry that there is up to this one; None for none."""
    row = await (await raw.execute(_SELECT_NEWEST, (org_id, last))).fetchone()
    return None if row is None else int(row[0])


async def select_next(raw: RawConnection, org_id: UUID, first: int) -> list[Any]:
    """The entries from that number on, as shared/audit_chain.py follows them."""
    given = {"org_id": org_id, "first": first, "most": _PIECE, "bytes": _PIECE_BYTES}
    cursor = raw.cursor(binary=True)
    await cursor.execute(_SELECT_NEXT, given, prepare=True)
    return await cursor.fetchall()


async def select_listed(
    raw: RawConnection, org_id: UUID, where: Where, *, last: int, floor: int, limit: int
) -> Sequence[Entry]:
    """The latest of these between two numbers."""
    bounds: Mapping[str, object] = {"last": last, "floor": floor, "limit": limit}
    wanted = {
        "actor": where.actor,
        "target": where.target,
        "action_prefix": where.action_prefix,
    }
    cursor = raw.cursor(row_factory=class_row(Entry))
    await cursor.execute(_SELECT_LISTED, {"org_id": org_id, **bounds, **wanted})
    return await cursor.fetchall()


async def select_heads(raw: RawConnection) -> list[tuple[UUID, int, bytes]]:
    """Where every log ends; for the login that sees across organisations."""
    return [(row[0], row[1], row[2]) for row in await (await raw.execute(_SELECT_HEADS)).fetchall()]


async def select_hashes(
    raw: RawConnection, places: Sequence[tuple[UUID, int]]
) -> Mapping[UUID, bytes]:
    """Hashes of one entry each, of organisations that have it; for the same login."""
    columns = [org_id for org_id, _ in places], [sequence for _, sequence in places]
    return dict(await (await raw.execute(_SELECT_HASHES, columns)).fetchall())


async def select_organisations(raw: RawConnection) -> list[UUID]:
    """Whoever has a log, deleted organisations too; for the same login."""
    return [row[0] for row in await (await raw.execute(_SELECT_ORGANISATIONS)).fetchall()]


async def select_organisation(raw: RawConnection, org_id: UUID) -> bool:
    """Whether it is there."""
    return await (await raw.execute(_SELECT_ORGANISATION, (org_id,))).fetchone() is not None

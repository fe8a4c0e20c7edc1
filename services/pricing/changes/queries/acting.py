"""What the worker does for one organisation by the functions of the guard, and finds out."""

from __future__ import annotations

from uuid import UUID

from services.pricing.approvals.queries import LISTENED
from services.pricing.changes.rules.effects import Touched
from shared.database import RawConnection

# Of who finds it taken another worker does the work.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('price:' || %s::text || %s::text, 0))"

_APPLY = "SELECT app.price_apply(%s::uuid, %s::uuid)"

_EXPIRE = "SELECT app.price_expire(%s::uuid, %s::integer)"

# What one application ends bears its moment.
_SELECT_TOUCHED = """
SELECT o.price_change_id FROM app.price_changes c
JOIN app.price_changes o ON o.org_id = %(org)s AND o.tier_id = c.tier_id
  AND o.ended_at = c.applied_at
WHERE c.org_id = %(org)s AND c.price_change_id = %(change)s
ORDER BY o.state, o.approved_at, o.price_change_id
"""
_SELECT_OVERTAKEN = """
SELECT a.approval_id FROM app.price_changes c
JOIN app.approvals a ON a.org_id = %(org)s AND a.tier_id = c.tier_id AND a.state = 5
  AND a.changed_at = c.applied_at
WHERE c.org_id = %(org)s AND c.price_change_id = %(change)s
ORDER BY a.requested_at, a.approval_id
"""

_SELECT_LISTENED = "SELECT " + LISTENED


async def lock_work(raw: RawConnection, org_id: UUID, about: str) -> bool:
    """Take a piece of work until the transaction ends; False when another worker has it."""
    row = await (await raw.execute(_LOCK, (org_id, about))).fetchone()
    return row is not None and bool(row[0])


async def update_applied(raw: RawConnection, org_id: UUID, price_change_id: UUID) -> str:
    """Let a change take effect; the word of the guard."""
    row = await (await raw.execute(_APPLY, (org_id, price_change_id))).fetchone()
    assert row is not None
    return str(row[0])


async def update_expired(raw: RawConnection, org_id: UUID, limit: int) -> list[UUID]:
    """Let some requests expire that nobody decided in time."""
    return [one for (one,) in await (await raw.execute(_EXPIRE, (org_id, limit))).fetchall()]


async def select_touched(raw: RawConnection, org_id: UUID, price_change_id: UUID) -> Touched:
    """What a change ended as it took effect."""
    asked = {"org": org_id, "change": price_change_id}
    changes = await (await raw.execute(_SELECT_TOUCHED, asked)).fetchall()
    overtaken = await (await raw.execute(_SELECT_OVERTAKEN, asked)).fetchall()
    return Touched([one for (one,) in changes], [one for (one,) in overtaken])


async def select_listened(raw: RawConnection, org_id: UUID, topic: str) -> bool:
    """Whether messages of the topic lead anywhere."""
    row = await (await raw.execute(_SELECT_LISTENED, {"org": org_id, "topic": topic})).fetchone()
    return row is not None and bool(row[0])

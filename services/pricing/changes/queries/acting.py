"""What the worker does for one organisation by the functions of the guard, and finds out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import orjson

from services.pricing.changes.rules.changes import Review
from services.pricing.changes.rules.effects import Touched
from services.pricing.changes.rules.reviews import REFUND, REVENUE, WITHOUT_MONEY, Window
from shared.database import RawConnection

# Of who finds it taken another worker does the work.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('price:' || %s::text || %s::text, 0))"

_APPLY = "SELECT app.price_apply(%s::uuid, %s::uuid)"

_EXPIRE = "SELECT app.price_expire(%s::uuid, %s::integer)"

_REACH = "SELECT app.price_reach(%s::uuid, %s::text, %s::text, %s::integer)"

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

_SELECT_LISTENED = """
SELECT EXISTS (SELECT FROM app.webhook_endpoints
  WHERE org_id = %s AND topic = %s AND NOT disabled)
"""

_SELECT_IN_FORCE = """
SELECT version FROM app.price_versions WHERE org_id = %s AND tier_id = %s AND valid_to IS NULL
"""

_SELECT_EVIDENCE = """
SELECT r.evidence FROM app.price_changes c
JOIN app.approval_revisions r ON r.org_id = %(org)s AND r.approval_id = c.approval_id
  AND r.revision = c.revision
WHERE c.org_id = %(org)s AND c.price_change_id = %(change)s
"""

_SELECT_REVENUE = """
SELECT coalesce(sum(
  CASE data -> 'revenue' ->> 'kind' WHEN %(refund)s THEN -amount_micros::numeric
    ELSE amount_micros END), 0)
FROM app.events
WHERE org_id = %(org)s AND type_id = %(revenue)s
  AND occurred_at >= %(since)s AND occurred_at < %(until)s
  AND currency = %(currency)s AND data -> 'revenue' ->> 'tier' = %(tier)s
  AND coalesce(data -> 'revenue' ->> 'kind', '') <> ALL (%(no_money)s::text[])
"""

_INSERT_REVIEW = """
INSERT INTO app.price_change_reviews (org_id, price_change_id, days, predicted, actual_minor,
  within, reviewed_at)
VALUES (%s::uuid, %s::uuid, %s::smallint, %s::jsonb, %s::bigint, %s::boolean, now())
ON CONFLICT (org_id, price_change_id, days) DO NOTHING RETURNING reviewed_at
"""


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


async def insert_reached(
    raw: RawConnection, org_id: UUID, tier_id: str, after: str, limit: int
) -> list[str]:
    """Let the price in force reach some subscribers who are due, by subscription_id."""
    found = await raw.execute(_REACH, (org_id, tier_id, after, limit))
    return [one for (one,) in await found.fetchall()]


async def select_touched(raw: RawConnection, org_id: UUID, price_change_id: UUID) -> Touched:
    """What a change ended as it took effect."""
    asked = {"org": org_id, "change": price_change_id}
    changes = await (await raw.execute(_SELECT_TOUCHED, asked)).fetchall()
    overtaken = await (await raw.execute(_SELECT_OVERTAKEN, asked)).fetchall()
    return Touched([one for (one,) in changes], [one for (one,) in overtaken])


async def select_listened(raw: RawConnection, org_id: UUID, topic: str) -> bool:
    """Whether messages of the topic lead anywhere."""
    row = await (await raw.execute(_SELECT_LISTENED, (org_id, topic))).fetchone()
    return row is not None and bool(row[0])


async def select_in_force(raw: RawConnection, org_id: UUID, tier_id: str) -> int:
    """The number of the price in force."""
    row = await (await raw.execute(_SELECT_IN_FORCE, (org_id, tier_id))).fetchone()
    assert row is not None
    return int(row[0])


async def select_evidence(
    raw: RawConnection, org_id: UUID, price_change_id: UUID
) -> dict[str, object]:
    """What was known when the change was asked for."""
    asked = {"org": org_id, "change": price_change_id}
    row = await (await raw.execute(_SELECT_EVIDENCE, asked)).fetchone()
    return dict(row[0]) if row else {}


async def select_revenue_micros(
    raw: RawConnection, org_id: UUID, tier_id: str, currency: str, window: Window
) -> int:
    """Revenue of a tier in one currency, less refunds, in millionths."""
    asked = {
        "org": org_id,
        "tier": tier_id,
        "currency": currency,
        "since": window.since,
        "until": window.until,
        "revenue": REVENUE,
        "refund": REFUND,
        "no_money": list(WITHOUT_MONEY),
    }
    row = await (await raw.execute(_SELECT_REVENUE, asked)).fetchone()
    assert row is not None
    return int(row[0])


async def insert_review(
    raw: RawConnection, org_id: UUID, price_change_id: UUID, found: Review
) -> datetime | None:
    """Keep what was found, and when; None when another worker did."""
    predicted = found.predicted._asdict() if found.predicted else {}
    kept = (found.days, orjson.dumps(predicted).decode(), found.actual_minor, found.within)
    row = await (await raw.execute(_INSERT_REVIEW, (org_id, price_change_id, *kept))).fetchone()
    return None if row is None else row[0]

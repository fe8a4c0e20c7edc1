"""Who has something due, across organisations, for the maintenance login; by the database's clock.

Every look is at a partial index that holds only what is still to come.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from services.pricing.changes.rules.effects import DueChange, DueReview, DueTier
from services.pricing.changes.rules.reviews import REVIEW_DAYS
from shared.database import RawConnection

_AT_ONCE = 200

_SELECT_CHANGES = """
SELECT org_id, price_change_id, now() - effective_at FROM app.price_changes
WHERE state IN (1, 2) AND effective_at <= now() AND org_id <> ALL (%s::uuid[])
ORDER BY effective_at, price_change_id LIMIT %s
"""

_SELECT_EXPIRED = """
SELECT DISTINCT org_id FROM app.approvals
WHERE state IN (1, 4) AND expires_at <= now() AND org_id <> ALL (%s::uuid[])
"""

_SELECT_TIERS = """
SELECT org_id, tier_id FROM app.price_versions
WHERE reach_at <= now() AND valid_to IS NULL AND org_id <> ALL (%s::uuid[])
ORDER BY reach_at LIMIT %s
"""

_SELECT_REVIEWS = """
SELECT c.org_id, c.price_change_id, d.days
FROM app.price_changes c
CROSS JOIN unnest(%s::integer[]) AS d (days)
WHERE c.state IN (3, 4) AND c.org_id <> ALL (%s::uuid[])
  AND c.effective_at + make_interval(hours => 24 * d.days) <= coalesce(c.ended_at, now())
  AND NOT EXISTS (
    SELECT FROM app.price_change_reviews r WHERE r.org_id = c.org_id
      AND r.price_change_id = c.price_change_id AND r.days = d.days)
ORDER BY c.effective_at, d.days LIMIT %s
"""


async def select_due_changes(raw: RawConnection, but: Collection[UUID]) -> list[DueChange]:
    """Changes whose time has come, the oldest first, but those of these organisations."""
    rows = await raw.execute(_SELECT_CHANGES, (list(but), _AT_ONCE))
    return [DueChange(org, change, _seconds(late)) async for org, change, late in rows]


async def select_expired(raw: RawConnection, but: Collection[UUID]) -> list[UUID]:
    """Organisations with requests that nobody decided in time."""
    return [org for (org,) in await (await raw.execute(_SELECT_EXPIRED, (list(but),))).fetchall()]


async def select_due_tiers(raw: RawConnection, but: Collection[UUID]) -> list[DueTier]:
    """Tiers of which a price may reach subscribers."""
    return [DueTier(*row) async for row in await raw.execute(_SELECT_TIERS, (list(but), _AT_ONCE))]


async def select_due_reviews(raw: RawConnection, but: Collection[UUID]) -> list[DueReview]:
    """Reviews of changes that were in force so long."""
    asked = (list(REVIEW_DAYS), list(but), _AT_ONCE)
    return [DueReview(*row) async for row in await raw.execute(_SELECT_REVIEWS, asked)]


def _seconds(late: timedelta) -> float:
    return late.total_seconds()

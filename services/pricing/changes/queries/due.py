"""Who has something due, across organisations, for the maintenance login; by the database's clock.

Every look is at a partial index, led by the time, that holds only what is still to come. Each
organisation has a few of its own in it, and the first of each comes before the second of any.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from services.pricing.changes.rules.effects import DueChange, DueRequests, DueReview, DueTier
from services.pricing.changes.rules.reviews import REVIEW_DAYS
from shared.database import RawConnection

_AT_ONCE = 200
_OF_ONE = 20
"""At most, of one organisation."""
_CATCHING_UP_DAYS = 30
"""For so long after the last review of a change those that were missed are still made."""

_SELECT_CHANGES = """
SELECT org_id, price_change_id, late FROM (
  SELECT org_id, price_change_id, effective_at, now() - effective_at AS late,
    row_number() OVER (PARTITION BY org_id ORDER BY effective_at, price_change_id) AS place
  FROM app.price_changes
  WHERE state IN (1, 2) AND effective_at <= now() AND org_id <> ALL (%(but)s::uuid[])) d
WHERE place <= %(of_one)s
ORDER BY place, effective_at, price_change_id LIMIT %(limit)s
"""

_SELECT_EXPIRED = """
SELECT org_id FROM app.approvals
WHERE state IN (1, 4) AND expires_at <= now() AND org_id <> ALL (%(but)s::uuid[])
GROUP BY org_id ORDER BY min(expires_at) LIMIT %(limit)s
"""

_SELECT_TIERS = """
SELECT org_id, tier_id FROM (
  SELECT org_id, tier_id, reach_at,
    row_number() OVER (PARTITION BY org_id ORDER BY reach_at, tier_id) AS place
  FROM app.price_versions
  WHERE reach_at <= now() AND valid_to IS NULL AND org_id <> ALL (%(but)s::uuid[])) d
WHERE place <= %(of_one)s
ORDER BY place, reach_at LIMIT %(limit)s
"""

# For as long as a price was in force, however late it and the next were applied; and when nobody is
# due to pay it who does not yet.
_SELECT_REVIEWS = """
SELECT org_id, price_change_id, days FROM (
  SELECT c.org_id, c.price_change_id, c.effective_at, d.days,
    row_number() OVER (PARTITION BY c.org_id
      ORDER BY c.effective_at, c.price_change_id, d.days) AS place
  FROM app.price_changes c
  JOIN app.price_versions v ON v.org_id = c.org_id AND v.tier_id = c.tier_id
    AND v.version = c.base_version + 1
  CROSS JOIN unnest(%(days)s::integer[]) AS d (days)
  WHERE c.state IN (3, 4) AND c.org_id <> ALL (%(but)s::uuid[])
    AND c.effective_at BETWEEN now() - make_interval(hours => 24 * %(oldest)s)
      AND now() - make_interval(hours => 24 * %(youngest)s)
    AND c.effective_at + make_interval(hours => 24 * d.days) <= coalesce(v.valid_to, now())
    AND (v.reach_at IS NULL OR v.reach_at > now())
    AND NOT EXISTS (
      SELECT FROM app.price_change_reviews r WHERE r.org_id = c.org_id
        AND r.price_change_id = c.price_change_id AND r.days = d.days)) w
WHERE place <= %(of_one)s
ORDER BY place, effective_at, days LIMIT %(limit)s
"""


async def select_due_changes(raw: RawConnection, but: Collection[UUID]) -> list[DueChange]:
    """Changes whose time has come, the oldest first, but those of these organisations."""
    rows = await raw.execute(_SELECT_CHANGES, _asked(but))
    return [DueChange(org, change, _seconds(late)) async for org, change, late in rows]


async def select_expired(raw: RawConnection, but: Collection[UUID]) -> list[DueRequests]:
    """Organisations with requests that nobody decided in time."""
    return [DueRequests(*row) async for row in await raw.execute(_SELECT_EXPIRED, _asked(but))]


async def select_due_tiers(raw: RawConnection, but: Collection[UUID]) -> list[DueTier]:
    """Tiers of which a price may reach subscribers."""
    return [DueTier(*row) async for row in await raw.execute(_SELECT_TIERS, _asked(but))]


async def select_due_reviews(raw: RawConnection, but: Collection[UUID]) -> list[DueReview]:
    """Reviews of changes that were in force so long."""
    asked = {
        **_asked(but),
        "days": list(REVIEW_DAYS),
        "youngest": min(REVIEW_DAYS),
        "oldest": max(REVIEW_DAYS) + _CATCHING_UP_DAYS,
    }
    return [DueReview(*row) async for row in await raw.execute(_SELECT_REVIEWS, asked)]


def _asked(but: Collection[UUID]) -> dict[str, object]:
    return {"but": list(but), "of_one": _OF_ONE, "limit": _AT_ONCE}


def _seconds(late: timedelta) -> float:
    return late.total_seconds()

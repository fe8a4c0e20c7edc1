"""The SQL of reviews: what was predicted, what came, and who paid the new price by then."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import orjson

from services.pricing.changes.rules.changes import PriceChange, Review
from services.pricing.changes.rules.reviews import Window
from services.pricing.evidence.rules.kinds import REFUND, REVENUE, WITHOUT_MONEY
from shared.database import RawConnection

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

# Of the subscribers from before the change, the average of how much of the window each paid it.
_SELECT_PAID_SHARE = """
SELECT coalesce(avg(greatest(0, least(1, coalesce(
  extract(epoch FROM %(until)s::timestamptz - paid.since)
    / extract(epoch FROM %(until)s::timestamptz - %(since)s::timestamptz), 0)))), 1)::float8
FROM app.subscriptions s
CROSS JOIN LATERAL (
  SELECT min(q.version) AS oldest,
    min(q.valid_from) FILTER (WHERE q.version > %(base)s::integer) AS since
  FROM app.subscription_prices q
  WHERE q.org_id = %(org)s AND q.subscription_id = s.subscription_id AND q.tier_id = %(tier)s
) paid
WHERE s.org_id = %(org)s AND s.tier_id = %(tier)s AND s.ended_at IS NULL
  AND paid.oldest <= %(base)s::integer
"""

_INSERT_REVIEW = """
INSERT INTO app.price_change_reviews (org_id, price_change_id, days, predicted, actual_minor,
  within, paid_share, reviewed_at)
VALUES (%s::uuid, %s::uuid, %s::smallint, %s::jsonb, %s::bigint, %s::boolean, %s::float8, now())
ON CONFLICT (org_id, price_change_id, days) DO NOTHING RETURNING reviewed_at
"""


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
        "refund": str(REFUND),
        "no_money": [str(kind) for kind in WITHOUT_MONEY],
    }
    row = await (await raw.execute(_SELECT_REVENUE, asked)).fetchone()
    assert row is not None
    return int(row[0])


async def select_paid_share(
    raw: RawConnection, org_id: UUID, change: PriceChange, window: Window
) -> float:
    """For how much of the window subscribers from before the change paid the new price."""
    asked = {
        "org": org_id,
        "tier": change.tier_id,
        "base": change.base_version,
        "since": window.since,
        "until": window.until,
    }
    row = await (await raw.execute(_SELECT_PAID_SHARE, asked)).fetchone()
    assert row is not None
    return float(row[0])


async def insert_review(
    raw: RawConnection, org_id: UUID, price_change_id: UUID, found: Review
) -> datetime | None:
    """Keep what was found, and when; None when another worker did."""
    predicted = orjson.dumps(found.predicted._asdict() if found.predicted else {}).decode()
    kept = (found.days, predicted, found.actual_minor, found.within, found.paid_share)
    row = await (await raw.execute(_INSERT_REVIEW, (org_id, price_change_id, *kept))).fetchone()
    return None if row is None else row[0]

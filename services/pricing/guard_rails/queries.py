"""The SQL of guard-rails: their versions, and what they look at."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.pricing.guard_rails.rules.editions import Edition
from services.pricing.guard_rails.rules.ground import COMPETITORS_SEEN_WITHIN, year_before
from services.pricing.guard_rails.rules.settings import to_json
from shared.database import RawConnection, Row

_SELECT_NEWEST = """
SELECT version, settings, changed_by, changed_at FROM app.pricing_settings
WHERE org_id = %s ORDER BY version DESC LIMIT 1
"""
_SELECT_VERSION = """
SELECT version, settings, changed_by, changed_at FROM app.pricing_settings
WHERE org_id = %s AND version = %s
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('pricing_settings:' || %s::text, 0))"
_INSERT = """
INSERT INTO app.pricing_settings (org_id, version, settings, changed_by, changed_at)
VALUES (%s::uuid, %s::integer, %s::jsonb, %s::text, %s::timestamptz)
"""
_SELECT_SEEN = """
SELECT of_year.amounts, of_others.amounts
FROM (
  SELECT array_agg(amount_minor) AS amounts FROM app.price_versions
  WHERE org_id = %(org_id)s AND tier_id = %(tier_id)s
    AND (valid_to IS NULL OR valid_to > %(year_before)s::timestamptz)
) AS of_year
CROSS JOIN (
  SELECT array_agg(amount_minor) AS amounts FROM (
    SELECT DISTINCT ON (competitor, offer) amount_minor FROM app.competitor_prices
    WHERE org_id = %(org_id)s AND tier_id = %(tier_id)s AND currency = %(currency)s
      AND observed_at > %(seen_since)s::timestamptz AND observed_at <= %(now)s::timestamptz
    ORDER BY competitor, offer, observed_at DESC, competitor_price_id DESC
  ) AS newest
) AS of_others
"""


class Seen(NamedTuple):
    """What the database knows of a tier's surroundings, in minor units."""

    year_minor: tuple[int, ...]
    competitors_minor: tuple[int, ...]


async def select_newest(raw: RawConnection, org_id: UUID) -> Edition | None:
    """The current version; None while the defaults hold."""
    return _edition(await (await raw.execute(_SELECT_NEWEST, (org_id,))).fetchone())


async def select_version(raw: RawConnection, org_id: UUID, version: int) -> Edition | None:
    """One version."""
    return _edition(await (await raw.execute(_SELECT_VERSION, (org_id, version))).fetchone())


async def select_seen(
    raw: RawConnection, org_id: UUID, tier_id: str, currency: str, now: datetime
) -> Seen:
    """The tier's prices of the last 12 months, and what competitors asked lately."""
    parameters = {
        "org_id": org_id,
        "tier_id": tier_id,
        "currency": currency,
        "year_before": year_before(now),
        "seen_since": now - COMPETITORS_SEEN_WITHIN,
        "now": now,
    }
    row = await (await raw.execute(_SELECT_SEEN, parameters)).fetchone()
    assert row is not None
    return Seen(tuple(row[0] or ()), tuple(row[1] or ()))


async def lock_settings(raw: RawConnection, org_id: UUID) -> None:
    """One change at a time, until the transaction ends."""
    await raw.execute(_LOCK, (org_id,))


async def insert_version(raw: RawConnection, org_id: UUID, edition: Edition) -> None:
    """Store the next version, while the settings are locked."""
    kept = orjson.dumps(to_json(edition.settings)).decode()
    changed = (edition.changed_by, edition.changed_at)
    await raw.execute(_INSERT, (org_id, edition.version, kept, *changed))


def _edition(row: Row | None) -> Edition | None:
    return None if row is None else Edition.of(*row)

"""The SQL of evidence: what was sold, asked and used, by tier and day of the organisation's zone.

Events are summed in the database, by tier, day and price to one percent, so that what comes out is
bounded by the days and not by the events.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.pricing.evidence.rules.kinds import REFUND, RENEWED, REVENUE, SOLD
from services.pricing.evidence.rules.series import (
    CompetitorPrice,
    ListPrice,
    Sales,
    Tier,
    Usage,
)
from shared.database import RawConnection

_SOLD, _RENEWED = ", ".join(map(str, SOLD)), ", ".join(map(str, RENEWED))
_MOST_UNITS = 1_000_000_000_000
_SAMPLE = 300
"""Subscriptions of a tier whose usage is looked at: enough for a mean."""

_SELECT_ZONE = "SELECT time_zone FROM app.organisations WHERE org_id = %(org)s::uuid"

_SELECT_TIERS = """
SELECT t.tier_id, t.currency, p.amount_minor, t.cost_to_serve_minor
FROM app.tiers AS t LEFT JOIN LATERAL (
  SELECT v.amount_minor FROM app.price_versions AS v
  WHERE v.org_id = %(org)s::uuid AND v.tier_id = t.tier_id ORDER BY v.version DESC LIMIT 1
) AS p ON true
WHERE t.org_id = %(org)s::uuid ORDER BY t.tier_id
"""

_BETWEEN = """
  e.occurred_at >= %(start)s::date::timestamp AT TIME ZONE %(zone)s::text
  AND e.occurred_at < %(end)s::date::timestamp AT TIME ZONE %(zone)s::text
"""

_SELECT_SALES = f"""
SELECT t.tier_id, s.day, least(sum(s.units), {_MOST_UNITS})::bigint,
  (sum(s.amount_micros) * 10::numeric ^ c.exponent / 1000000)::float8,
  least(coalesce(sum(s.units) FILTER (WHERE s.campaign), 0), {_MOST_UNITS})::bigint,
  least(coalesce(sum(s.units) FILTER (WHERE s.kind IN ({_RENEWED})), 0), {_MOST_UNITS})::bigint
FROM (
  SELECT e.data -> 'revenue' ->> 'tier' AS tier_id, e.currency, e.amount_micros,
    (e.occurred_at AT TIME ZONE %(zone)s::text)::date AS day,
    greatest(coalesce((e.data -> 'revenue' ->> 'units')::bigint, 1), 1) AS units,
    (e.data -> 'revenue' ->> 'kind')::integer AS kind,
    e.data -> 'revenue' ? 'campaign' AS campaign
  FROM app.events AS e
  WHERE e.org_id = %(org)s::uuid AND e.type_id = {REVENUE} AND {_BETWEEN}
    AND e.amount_micros > 0
    AND coalesce((e.data -> 'revenue' ->> 'kind')::integer, 0) IN ({_SOLD})
) AS s
JOIN app.tiers AS t ON t.org_id = %(org)s::uuid AND t.tier_id = s.tier_id
  AND t.currency = s.currency
JOIN app.currencies AS c ON c.code = t.currency
GROUP BY t.tier_id, s.day, round(100 * ln(s.amount_micros::float8 / s.units)), c.exponent
ORDER BY t.tier_id, s.day
"""  # noqa: S608 - only names and numbers of our own go in

_SELECT_LIST_PRICES = """
SELECT v.tier_id, v.amount_minor, (v.valid_from AT TIME ZONE %(zone)s::text)::date,
  (v.valid_to AT TIME ZONE %(zone)s::text)::date
FROM app.price_versions AS v WHERE v.org_id = %(org)s::uuid ORDER BY v.tier_id, v.version
"""

_SELECT_COMPETITORS = """
SELECT p.tier_id, p.competitor || ' ' || p.offer,
  (p.observed_at AT TIME ZONE %(zone)s::text)::date, p.amount_minor
FROM app.competitor_prices AS p
JOIN app.tiers AS t ON t.org_id = %(org)s::uuid AND t.tier_id = p.tier_id
  AND t.currency = p.currency
WHERE p.org_id = %(org)s::uuid
  AND p.observed_at >= (%(start)s::date - 180)::timestamp AT TIME ZONE %(zone)s::text
  AND p.observed_at < %(end)s::date::timestamp AT TIME ZONE %(zone)s::text
ORDER BY p.observed_at, p.competitor_price_id
"""

# Of a sample of the subscriptions, the same each time: days on which they ran, and their events.
_SELECT_USAGE = f"""
WITH sample AS MATERIALIZED (
  SELECT r.tier_id, r.client_id, greatest(r.since, %(start)s::date) AS since,
    least(coalesce(r.until, %(end)s::date), %(end)s::date) AS until
  FROM (
    SELECT s.tier_id, s.client_id, (s.started_at AT TIME ZONE %(zone)s::text)::date AS since,
      (s.ended_at AT TIME ZONE %(zone)s::text)::date AS until,
      row_number() OVER (PARTITION BY s.tier_id ORDER BY md5(s.subscription_id)) AS place
    FROM app.subscriptions AS s
    WHERE s.org_id = %(org)s::uuid
      AND s.started_at < %(end)s::date::timestamp AT TIME ZONE %(zone)s::text
      AND (s.ended_at IS NULL
        OR s.ended_at >= %(start)s::date::timestamp AT TIME ZONE %(zone)s::text)
  ) AS r
  WHERE r.place <= {_SAMPLE}
)
SELECT sample.tier_id, d.day::date, coalesce(sum(c.events), 0)::bigint, count(*)
FROM sample
CROSS JOIN LATERAL generate_series(sample.since, sample.until - 1, interval '1 day') AS d (day)
LEFT JOIN app.client_day AS c ON c.org_id = %(org)s::uuid AND c.client_id = sample.client_id
  AND c.day = d.day::date
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - only a number of our own goes in

_SELECT_SUBSCRIBERS = """
SELECT s.tier_id, count(*) FROM app.subscriptions AS s
WHERE s.org_id = %(org)s::uuid AND s.started_at <= %(now)s::timestamptz
  AND (s.ended_at IS NULL OR s.ended_at > %(now)s::timestamptz)
GROUP BY s.tier_id
"""

_SELECT_REVENUE = f"""
SELECT t.tier_id, (least(sum(
    CASE (e.data -> 'revenue' ->> 'kind')::integer WHEN {REFUND} THEN -1 ELSE 1 END
    * e.amount_micros::numeric), {2**62}) * 10::numeric ^ c.exponent / 1000000)::bigint
FROM app.events AS e
JOIN app.tiers AS t ON t.org_id = %(org)s::uuid AND t.currency = e.currency
  AND t.tier_id = e.data -> 'revenue' ->> 'tier'
JOIN app.currencies AS c ON c.code = t.currency
WHERE e.org_id = %(org)s::uuid AND e.type_id = {REVENUE}
  AND e.occurred_at > %(now)s::timestamptz - interval '720 hours'
  AND e.occurred_at <= %(now)s::timestamptz
  AND coalesce((e.data -> 'revenue' ->> 'kind')::integer, 0) IN ({_SOLD}, {REFUND})
GROUP BY t.tier_id, c.exponent
"""  # noqa: S608 - only numbers of our own go in


class Window(NamedTuple):
    """Whole days of an organisation's time zone, from `start` until before `end`."""

    org_id: UUID
    zone: str
    start: date
    end: date

    def parameters(self) -> dict[str, Any]:
        """What the statements are given."""
        return {"org": self.org_id, "zone": self.zone, "start": self.start, "end": self.end}


async def select_zone(raw: RawConnection, org_id: UUID) -> str:
    """The organisation's time zone."""
    row = await (await raw.execute(_SELECT_ZONE, {"org": org_id})).fetchone()
    return str(row[0]) if row is not None else "UTC"


async def select_tiers(raw: RawConnection, org_id: UUID) -> tuple[Tier, ...]:
    """Every tier, with its price of today."""
    cursor = await raw.execute(_SELECT_TIERS, {"org": org_id})
    return tuple(Tier(*row) for row in await cursor.fetchall())


async def select_sales(raw: RawConnection, window: Window) -> tuple[Sales, ...]:
    """What was sold of each tier in its own currency, by day and price; refunds are no demand."""
    cursor = await raw.execute(_SELECT_SALES, window.parameters(), binary=True)
    return tuple(Sales(*row) for row in await cursor.fetchall())


async def select_list_prices(raw: RawConnection, window: Window) -> tuple[ListPrice, ...]:
    """Every price that was ever in force."""
    cursor = await raw.execute(_SELECT_LIST_PRICES, window.parameters())
    return tuple(ListPrice(*row) for row in await cursor.fetchall())


async def select_competitor_prices(
    raw: RawConnection, window: Window
) -> tuple[CompetitorPrice, ...]:
    """What was seen of competitors, from so long before that it may still hold."""
    cursor = await raw.execute(_SELECT_COMPETITORS, window.parameters())
    return tuple(CompetitorPrice(*row) for row in await cursor.fetchall())


async def select_usage(raw: RawConnection, window: Window) -> tuple[Usage, ...]:
    """What subscribers did, of a sample of them."""
    cursor = await raw.execute(_SELECT_USAGE, window.parameters(), binary=True)
    return tuple(Usage(*row) for row in await cursor.fetchall())


async def select_subscribers(raw: RawConnection, org_id: UUID, now: datetime) -> dict[str, int]:
    """Subscriptions that run, by tier."""
    cursor = await raw.execute(_SELECT_SUBSCRIBERS, {"org": org_id, "now": now}, binary=True)
    return dict(await cursor.fetchall())


async def select_revenue(raw: RawConnection, org_id: UUID, now: datetime) -> dict[str, int]:
    """Revenue of 30 days of 24 hours less refunds, in minor units, by tier."""
    cursor = await raw.execute(_SELECT_REVENUE, {"org": org_id, "now": now}, binary=True)
    return dict(await cursor.fetchall())

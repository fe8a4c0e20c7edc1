"""The SQL of what others ask."""

from __future__ import annotations

from uuid import UUID

from services.pricing.competitors.rules import CompetitorPrice, Cursor, Which
from shared.database import RawConnection

_COLUMNS = ", ".join(CompetitorPrice._fields)
_LATEST_FIRST = "ORDER BY observed_at DESC, competitor_price_id DESC"

_INSERT = f"""
INSERT INTO app.competitor_prices (org_id, {_COLUMNS})
VALUES (%s::uuid, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608 - only names of our own go in

_ALL = f"""
SELECT {_COLUMNS} FROM app.competitor_prices WHERE org_id = %(org)s::uuid
"""  # noqa: S608 - only names of our own go in

_OF_TIER = f"{_ALL} AND tier_id = %(tier)s::text"


def _newest(of: str) -> str:
    """From offer to offer along the index: what was found of each before is not looked at."""
    first = "ORDER BY tier_id DESC, competitor DESC, offer DESC, observed_at DESC,"
    return f"""
WITH RECURSIVE newest AS (
  ({of} {first} competitor_price_id DESC LIMIT 1)
  UNION ALL
  SELECT following.* FROM newest CROSS JOIN LATERAL (
    {of} AND (tier_id, competitor, offer) < (newest.tier_id, newest.competitor, newest.offer)
    {first} competitor_price_id DESC LIMIT 1
  ) AS following
)
SELECT {_COLUMNS} FROM newest WHERE true
"""  # noqa: S608 - only queries and names of our own go in


async def insert_competitor_price(raw: RawConnection, org_id: UUID, price: CompetitorPrice) -> None:
    """Keep a finding."""
    await raw.execute(_INSERT, (org_id, *price))


async def select_competitor_prices(
    raw: RawConnection, org_id: UUID, which: Which, *, after: Cursor | None, limit: int
) -> list[CompetitorPrice]:
    """Findings by when they were seen, the latest first, from the one after a place on."""
    query = _OF_TIER if which.tier_id else _ALL
    if which.newest_only:
        query = _newest(query)
    if after is not None:
        query += " AND (observed_at, competitor_price_id) < (%(at)s::timestamptz, %(id)s::uuid)"
    query += f" {_LATEST_FIRST} LIMIT %(limit)s::integer"
    at, finding = after or (None, None)
    values = {"org": org_id, "tier": which.tier_id, "at": at, "id": finding, "limit": limit}
    cursor = await raw.execute(query.encode(), values, binary=True)
    return [CompetitorPrice._make(row) for row in await cursor.fetchall()]

"""The SQL of tiers. Prices are written by `app.price_first` alone.

LATERAL with LIMIT: the price in force of each tier is looked up by its key, whatever the planner
believes of tables that have just been filled.
"""

from __future__ import annotations

from uuid import UUID

import orjson

from services.pricing.tiers.rules import (
    PRICES_SHOWN,
    PriceVersion,
    Profile,
    Tier,
    ValueMetric,
    told,
)
from shared.database import Database, RawConnection, Row, Statement, Tenant

_COLUMNS = """t.tier_id, t.currency, t.billing_period, t.display_name, t.description,
  t.value_metrics, t.cost_to_serve_minor, t.floor_minor, t.retired, t.revision, t.created_at,
  t.updated_at, p.amount_minor, p.version, p.valid_from"""

_PRICED = """app.tiers AS t CROSS JOIN LATERAL (
  SELECT v.amount_minor, v.version, v.valid_from FROM app.price_versions AS v
  WHERE v.org_id = %(org)s::uuid AND v.tier_id = t.tier_id ORDER BY v.version DESC LIMIT 1
) AS p"""

_SELECT = f"""
SELECT {_COLUMNS} FROM {_PRICED}
WHERE t.org_id = %(org)s::uuid AND t.tier_id = %(tier)s::text
"""  # noqa: S608 - only names of our own go in

_SELECT_PAGE = f"""
SELECT {_COLUMNS} FROM {_PRICED}
WHERE t.org_id = %(org)s::uuid AND t.tier_id > %(after)s::text
  AND (%(retired)s::boolean OR NOT t.retired)
ORDER BY t.tier_id LIMIT %(limit)s::integer
"""  # noqa: S608 - only names of our own go in

_SELECT_PRICES = f"""
SELECT version, amount_minor, valid_from, valid_to, price_change_id FROM app.price_versions
WHERE org_id = %(org)s::uuid AND tier_id = %(tier)s::text ORDER BY version DESC LIMIT {PRICES_SHOWN}
"""  # noqa: S608 - only a number of our own goes in

# The versions as arrays, the latest first: one row, for one round trip.
_SELECT_WITH_PRICES = f"""
SELECT t.tier_id, t.currency, t.billing_period, t.display_name, t.description, t.value_metrics,
  t.cost_to_serve_minor, t.floor_minor, t.retired, t.revision, t.created_at, t.updated_at, p.*
FROM app.tiers AS t CROSS JOIN LATERAL (
  SELECT array_agg(version), array_agg(amount_minor), array_agg(valid_from), array_agg(valid_to),
    array_agg(price_change_id)
  FROM ({_SELECT_PRICES}) AS latest
) AS p
WHERE t.org_id = %(org)s::uuid AND t.tier_id = %(tier)s::text
"""  # noqa: S608 - only names of our own go in

_INSERT = """
INSERT INTO app.tiers (org_id, tier_id, currency, billing_period, display_name, description,
  value_metrics, cost_to_serve_minor, floor_minor, retired, revision, created_at, updated_at)
VALUES (%s::uuid, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s)
ON CONFLICT (org_id, tier_id) DO NOTHING RETURNING tier_id
"""

_INSERT_PRICE = "SELECT app.price_first(%s, %s, %s, %s)"

_UPDATE = """
UPDATE app.tiers SET display_name = %s, description = %s, value_metrics = %s::jsonb,
  cost_to_serve_minor = %s, floor_minor = %s, retired = %s, revision = %s, updated_at = %s
WHERE org_id = %s AND tier_id = %s
"""


async def select_tier(raw: RawConnection, org_id: UUID, tier_id: str) -> Tier | None:
    """The tier of that id, with its price in force."""
    return await _one(raw, _SELECT, org_id, tier_id)


async def lock_tier(raw: RawConnection, org_id: UUID, tier_id: str) -> Tier | None:
    """The same; nobody else changes it, or comes to it, until the end of the transaction."""
    return await _one(raw, f"{_SELECT} FOR NO KEY UPDATE OF t", org_id, tier_id)


async def lock_tier_as_it_is(raw: RawConnection, org_id: UUID, tier_id: str) -> Tier | None:
    """The same; nobody changes it until the end of the transaction, but others may come to it."""
    return await _one(raw, f"{_SELECT} FOR SHARE OF t", org_id, tier_id)


async def select_tiers(
    raw: RawConnection, org_id: UUID, *, after: str, limit: int, with_retired: bool
) -> list[Tier]:
    """Tiers by tier_id, from the one after a place on."""
    values = {"org": org_id, "after": after, "limit": limit, "retired": with_retired}
    cursor = await raw.execute(_SELECT_PAGE, values, binary=True)
    return [_tier(row) for row in await cursor.fetchall()]


async def select_tier_with_prices(
    database: Database, tenant: Tenant, tier_id: str
) -> tuple[Tier, list[PriceVersion]] | None:
    """A tier and its prices, the latest first, in one round trip."""
    values = {"org": tenant.org_id, "tier": tier_id}
    (row,) = await database.in_one_round_trip([Statement(tenant, _SELECT_WITH_PRICES, values)])
    if row is None:
        return None
    prices = [PriceVersion(*one) for one in zip(*row[-5:], strict=True)]
    newest = prices[0]
    price = (newest.amount_minor, newest.version, newest.valid_from)
    return _tier((*row[:-5], *price)), prices


async def insert_tier(raw: RawConnection, org_id: UUID, tier: Tier) -> str | None:
    """A new tier with its first price, and what is said to that; None when there is one."""
    values = (org_id, tier.tier_id, tier.currency, tier.billing_period, *_stored(tier.profile))
    times = (tier.revision, tier.created_at, tier.updated_at)
    if await (await raw.execute(_INSERT, (*values, *times))).fetchone() is None:
        return None
    price = (org_id, tier.tier_id, tier.currency, tier.amount_minor)
    row = await (await raw.execute(_INSERT_PRICE, price)).fetchone()
    assert row is not None
    return str(row[0])


async def update_tier(raw: RawConnection, org_id: UUID, tier: Tier) -> None:
    """The tier as it is now, but for its price."""
    values = (*_stored(tier.profile), tier.revision, tier.updated_at)
    await raw.execute(_UPDATE, (*values, org_id, tier.tier_id))


async def _one(raw: RawConnection, query: str, org_id: UUID, tier_id: str) -> Tier | None:
    cursor = await raw.execute(query.encode(), {"org": org_id, "tier": tier_id}, binary=True)
    row = await cursor.fetchone()
    return None if row is None else _tier(row)


def _stored(profile: Profile) -> tuple[object, ...]:
    metrics = orjson.dumps(told(profile)["value_metrics"]).decode()
    return tuple(profile._replace(value_metrics=metrics))  # type: ignore[arg-type]


def _tier(row: Row) -> Tier:
    tier_id, currency, period, name, description, metrics, cost, floor, retired, *rest = row
    profile = Profile(
        name, description, tuple(ValueMetric(**one) for one in metrics), cost, floor, retired
    )
    return Tier(tier_id, currency, period, profile, *rest)

"""The SQL of subscriptions. What they pay is written by functions such as `app.price_subscribe`.

The newest price of a subscription on its tier is what it pays. LATERAL with LIMIT: it is looked up
by its key, whatever the planner believes of tables that have just been filled.
"""

from __future__ import annotations

from uuid import UUID

from services.pricing.tiers.rules import Subscription, Term, WhichSubscriptions
from shared.database import Database, RawConnection, Statement, Tenant

_PAID = """
SELECT v.amount_minor, v.currency, v.version
FROM app.subscription_prices AS q
JOIN app.price_versions AS v
  ON v.org_id = %(org)s::uuid AND v.tier_id = q.tier_id AND v.version = q.version
WHERE q.org_id = %(org)s::uuid AND q.subscription_id = s.subscription_id AND q.tier_id = s.tier_id
ORDER BY q.valid_from DESC LIMIT 1
"""

# When the notice has run and the time of the change has come. A notice of a dearer price serves
# for what became of that price while nothing was dearer than the one before, as in `price_reach`.
_TOLD = """
SELECT min(greatest(c.effective_at, n.effective_at))
FROM app.price_notices AS n
LEFT JOIN app.price_versions AS x ON x.org_id = %(org)s::uuid AND x.tier_id = s.tier_id
  AND x.version > paid.version AND x.price_change_id = n.price_change_id
WHERE n.org_id = %(org)s::uuid AND n.client_id = s.client_id
  AND (n.price_change_id = c.price_change_id OR (c.new_minor <= c.old_minor
    AND x.version <= c.base_version AND NOT EXISTS (
      SELECT FROM app.price_changes AS y
      WHERE y.org_id = %(org)s::uuid AND y.tier_id = s.tier_id AND y.state IN (3, 4)
        AND y.base_version >= x.version AND y.base_version < c.base_version
        AND y.new_minor > y.old_minor)))
"""

# Changes of the tier that stand, 1 to 3, and would alter what is paid; what was in force, 3 and 4,
# only as long as it has not come to the subscription, and what is over only for who was told of it.
_AWAITED = f"""
SELECT c.price_change_id, c.holds_at FROM (
  SELECT c.*,
    CASE WHEN c.new_minor < paid.amount_minor THEN c.effective_at ELSE ({_TOLD}) END AS holds_at
  FROM app.price_changes AS c
  WHERE c.org_id = %(org)s::uuid AND c.tier_id = s.tier_id AND c.state IN (1, 2, 3, 4)
    AND c.new_minor <> paid.amount_minor AND s.ended_at IS NULL
    AND (c.state IN (1, 2) OR c.base_version >= paid.version)
) AS c
WHERE c.state <> 4 OR (c.new_minor > paid.amount_minor AND c.holds_at IS NOT NULL)
ORDER BY c.holds_at NULLS LAST, c.approved_at DESC, c.price_change_id DESC LIMIT 1
"""  # noqa: S608 - only queries of our own go in

_COLUMNS = """s.subscription_id, s.client_id, s.tier_id, s.started_at, s.ended_at, s.revision,
  paid.amount_minor, paid.currency, paid.version, awaited.price_change_id, awaited.holds_at"""

_WITH_PRICES = f"""CROSS JOIN LATERAL ({_PAID}) AS paid
LEFT JOIN LATERAL ({_AWAITED}) AS awaited ON true"""

_SELECT = f"""
SELECT {_COLUMNS} FROM app.subscriptions AS s {_WITH_PRICES}
WHERE s.org_id = %(org)s::uuid AND s.subscription_id = %(subscription)s::text
"""  # noqa: S608 - only queries of our own go in

_LOCK = f"{_SELECT} FOR UPDATE OF s"

_INSERT = """
INSERT INTO app.subscriptions (org_id, subscription_id, client_id, tier_id, started_at, ended_at,
  revision)
VALUES (%s::uuid, %s, %s, %s, %s, %s, 1)
ON CONFLICT (org_id, subscription_id) DO NOTHING RETURNING subscription_id
"""

_UPDATE = """
UPDATE app.subscriptions SET tier_id = %s, started_at = %s, ended_at = %s, revision = %s
WHERE org_id = %s AND subscription_id = %s
"""

_SUBSCRIBE = "SELECT app.price_subscribe(%s, %s)"


def _select_page(which: WhichSubscriptions) -> str:
    """A page as one row of arrays, for one round trip.

    In one line: psycopg does not remember how to send a statement beyond 4,096 characters.
    """
    where = ["org_id = %(org)s::uuid", "subscription_id > %(after)s::text"]
    where += ["tier_id = %(tier)s::text"] if which.tier_id else []
    where += ["client_id = %(client)s::text"] if which.client_id else []
    where += [] if which.with_ended else ["ended_at IS NULL"]
    arrays = ", ".join(f"array_agg(page.c{number})" for number in range(len(Subscription._fields)))
    names = ", ".join(f"c{number}" for number in range(len(Subscription._fields)))
    query = f"""
SELECT {arrays} FROM (
  SELECT {_COLUMNS} FROM (
    SELECT * FROM app.subscriptions WHERE {" AND ".join(where)}
    ORDER BY subscription_id LIMIT %(limit)s::integer
  ) AS s {_WITH_PRICES} ORDER BY s.subscription_id
) AS page ({names})
"""  # noqa: S608 - only queries and names of our own go in
    return " ".join(query.split())


_PAGES = {
    (tier, client, ended): _select_page(WhichSubscriptions(tier, client, ended))
    for tier in ("", "x")
    for client in ("", "x")
    for ended in (False, True)
}
"""By what is asked for, so that each has a plan of its own."""


async def select_subscription(
    raw: RawConnection, org_id: UUID, subscription_id: str
) -> Subscription | None:
    """The subscription of that id."""
    return await _one(raw, _SELECT, org_id, subscription_id)


async def lock_subscription(
    raw: RawConnection, org_id: UUID, subscription_id: str
) -> Subscription | None:
    """The same; nobody else changes it until the end of the transaction."""
    return await _one(raw, _LOCK, org_id, subscription_id)


async def select_subscriptions(
    database: Database, tenant: Tenant, which: WhichSubscriptions, *, after: str, limit: int
) -> list[Subscription]:
    """Subscriptions by subscription_id, from the one after a place on, in one round trip."""
    query = _PAGES[which.tier_id and "x", which.client_id and "x", which.with_ended]
    values = {
        "org": tenant.org_id,
        "after": after,
        "limit": limit,
        "tier": which.tier_id,
        "client": which.client_id,
    }
    (row,) = await database.in_one_round_trip([Statement(tenant, query, values)])
    assert row is not None
    return [Subscription(*one) for one in zip(*(column or () for column in row), strict=True)]


async def insert_subscription(
    raw: RawConnection, org_id: UUID, subscription_id: str, client_id: str, term: Term
) -> bool:
    """A new subscription; False when there is one of that id."""
    cursor = await raw.execute(_INSERT, (org_id, subscription_id, client_id, *term))
    if await cursor.fetchone() is None:
        return False
    await raw.execute(_SUBSCRIBE, (org_id, subscription_id))
    return True


async def update_subscription(
    raw: RawConnection, org_id: UUID, known: Subscription, term: Term
) -> None:
    """The subscription as it is now; on another tier it pays what is paid there.

    On the same one it is looked at again: what it was not reached by while it had ended may wait.
    """
    values = (*term, known.revision + 1, org_id, known.subscription_id)
    await raw.execute(_UPDATE, values)
    await raw.execute(_SUBSCRIBE, (org_id, known.subscription_id))


async def _one(
    raw: RawConnection, query: str, org_id: UUID, subscription_id: str
) -> Subscription | None:
    values = {"org": org_id, "subscription": subscription_id}
    cursor = await raw.execute(query.encode(), values, binary=True)
    row = await cursor.fetchone()
    return None if row is None else Subscription(*row)

"""The SQL of price changes: reading them, and calling the functions that alone can change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.pricing.changes.rules.changes import (
    After,
    ChangeState,
    Impact,
    Notice,
    Payers,
    PriceChange,
    Review,
    Told,
    Where,
    counted,
)
from shared.database import RawConnection, Row

_COLUMNS = """c.price_change_id, c.approval_id, c.content_hash, c.tier_id, c.base_version,
  c.old_minor, c.new_minor, c.currency, c.state, c.etag, c.approved_at, c.effective_at,
  c.applied_at, c.ended_at, c.problem"""

_SELECT_CHANGES = f"""
SELECT {_COLUMNS} FROM app.price_changes c
WHERE c.org_id = %(org)s AND c.price_change_id = ANY (%(changes)s::uuid[])
ORDER BY c.approved_at, c.price_change_id
"""  # noqa: S608 - no value of a caller

_SELECT_PAGE = f"""
SELECT {_COLUMNS} FROM app.price_changes c
WHERE c.org_id = %(org)s
  AND (%(states)s::smallint[] IS NULL OR c.state = ANY (%(states)s::smallint[]))
  AND (%(tier)s::text IS NULL OR c.tier_id = %(tier)s::text)
  AND (%(at)s::timestamptz IS NULL
    OR (c.approved_at, c.price_change_id) < (%(at)s::timestamptz, %(id)s::uuid))
ORDER BY c.approved_at DESC, c.price_change_id DESC LIMIT %(limit)s
"""  # noqa: S608

# Once for a tier, however many changes of it are asked for.
_SELECT_PAYERS = """
SELECT p.tier_id, p.oldest, p.newest, count(*) FROM (
  SELECT s.tier_id, min(q.version) AS oldest, max(q.version) AS newest
  FROM app.subscriptions s
  JOIN app.subscription_prices q ON q.org_id = %(org)s AND q.subscription_id = s.subscription_id
    AND q.tier_id = s.tier_id
  WHERE s.org_id = %(org)s AND s.tier_id = ANY (%(tiers)s::text[]) AND s.ended_at IS NULL
  GROUP BY s.tier_id, s.subscription_id) AS p
GROUP BY p.tier_id, p.oldest, p.newest
"""

_SELECT_TOLD = """
SELECT c.price_change_id, count(*)
FROM app.price_changes c
JOIN app.price_notices n ON n.org_id = %(org)s AND n.price_change_id = c.price_change_id
JOIN app.subscriptions s ON s.org_id = %(org)s AND s.client_id = n.client_id
  AND s.tier_id = c.tier_id AND s.ended_at IS NULL
WHERE c.org_id = %(org)s AND c.price_change_id = ANY (%(changes)s::uuid[])
  AND EXISTS (SELECT FROM app.subscription_prices q WHERE q.org_id = %(org)s
    AND q.subscription_id = s.subscription_id AND q.tier_id = c.tier_id
    AND q.version <= c.base_version)
GROUP BY c.price_change_id
"""

_SELECT_REVIEWS = """
SELECT price_change_id, days, predicted, actual_minor, within, paid_share, reviewed_at
FROM app.price_change_reviews WHERE org_id = %s AND price_change_id = ANY (%s::uuid[])
ORDER BY price_change_id, days
"""

_CANCEL = "SELECT app.price_cancel(%s::uuid, %s::uuid, %s::bigint, %s::text)"

_NOTICE = """
SELECT app.price_notice(%s::uuid, %s::uuid, %s::text, %s::timestamptz, %s::text, %s::text)
"""

_SELECT_NOTICE = """
SELECT delivered_at, effective_at FROM app.price_notices
WHERE org_id = %s AND price_change_id = %s AND client_id = %s
"""


async def select_price_change(
    raw: RawConnection, org_id: UUID, price_change_id: UUID
) -> PriceChange | None:
    """The change, with whom it has reached and its reviews."""
    found = await select_uncounted(raw, org_id, [price_change_id])
    return (await _whole(raw, org_id, found))[0] if found else None


async def select_uncounted(
    raw: RawConnection, org_id: UUID, price_change_ids: Sequence[UUID]
) -> list[PriceChange]:
    """Changes alone, the earliest approved first: neither whom they reached nor their reviews."""
    asked = {"org": org_id, "changes": list(price_change_ids)}
    return [_change(row) async for row in await raw.execute(_SELECT_CHANGES, asked)]


async def select_payers(raw: RawConnection, org_id: UUID, tier_id: str) -> list[Payers]:
    """Who pays what on a tier; the work grows with its subscribers."""
    asked = {"org": org_id, "tiers": [tier_id]}
    return [Payers(*row) async for row in await raw.execute(_SELECT_PAYERS, asked)]


async def select_price_changes(
    raw: RawConnection, org_id: UUID, where: Where, *, after: After | None, limit: int
) -> list[PriceChange]:
    """Changes, the latest approved first, from the one after a place on."""
    asked = {
        "org": org_id,
        "states": [state.value for state in where.states] or None,
        "tier": where.tier_id or None,
        "at": after and after.approved_at,
        "id": after and after.price_change_id,
        "limit": limit,
    }
    found = [_change(row) async for row in await raw.execute(_SELECT_PAGE, asked)]
    return await _whole(raw, org_id, found)


async def select_notice(
    raw: RawConnection, org_id: UUID, price_change_id: UUID, client_id: str
) -> Notice | None:
    """The record that stands."""
    cursor = await raw.execute(_SELECT_NOTICE, (org_id, price_change_id, client_id))
    row = await cursor.fetchone()
    return None if row is None else Notice(*row)


async def update_cancelled(
    raw: RawConnection, org_id: UUID, price_change_id: UUID, changes: int, notes: str
) -> str:
    """Stop a change before its time; the word of the guard."""
    return await _word(raw, _CANCEL, (org_id, price_change_id, changes, notes))


async def insert_notice(raw: RawConnection, org_id: UUID, told: Told, actor: str) -> str:
    """Record that a client was told; the word of the guard."""
    values = (told.price_change_id, told.client_id, told.delivered_at, told.channel, actor)
    return await _word(raw, _NOTICE, (org_id, *values))


async def _word(raw: RawConnection, statement: Any, parameters: Sequence[object]) -> str:
    row = await (await raw.execute(statement, parameters)).fetchone()
    assert row is not None
    return str(row[0])


async def _whole(
    raw: RawConnection, org_id: UUID, found: Sequence[PriceChange]
) -> list[PriceChange]:
    """With what has become of them."""
    standing = [one for one in found if one.stands]
    payers, told = await _reached(raw, org_id, standing) if standing else ([], {})
    applied = [one.price_change_id for one in found if one.applied_at is not None]
    reviews = await _reviews(raw, org_id, applied) if applied else {}
    return [
        replace(
            counted(one, payers, told.get(one.price_change_id, 0)) if one.stands else one,
            reviews=reviews.get(one.price_change_id, ()),
        )
        for one in found
    ]


async def _reached(
    raw: RawConnection, org_id: UUID, standing: Sequence[PriceChange]
) -> tuple[list[Payers], dict[UUID, int]]:
    """Who pays what on their tiers, and how many were told of each."""
    changes, tiers = zip(*((one.price_change_id, one.tier_id) for one in standing), strict=True)
    asked = {"org": org_id, "changes": list(changes), "tiers": sorted(set(tiers))}
    payers = [Payers(*row) async for row in await raw.execute(_SELECT_PAYERS, asked)]
    return payers, {one: count async for one, count in await raw.execute(_SELECT_TOLD, asked)}


async def _reviews(
    raw: RawConnection, org_id: UUID, price_change_ids: Sequence[UUID]
) -> dict[UUID, list[Review]]:
    found: dict[UUID, list[Review]] = {}
    async for row in await raw.execute(_SELECT_REVIEWS, (org_id, list(price_change_ids))):
        found.setdefault(row[0], []).append(_review(row[1:]))
    return found


def _change(row: Row) -> PriceChange:
    change, approval, content_hash, tier, base, old, new, currency, state, *rest = row
    place = (change, approval, bytes(content_hash), tier, base, old, new, currency)
    return PriceChange(*place, ChangeState(state), *rest)


def _review(row: Row) -> Review:
    days, predicted, *found = row
    return Review(days, Impact(**predicted) if predicted else None, *found)

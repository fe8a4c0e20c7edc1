"""The SQL of suggestions."""

from __future__ import annotations

from uuid import UUID

import orjson

from services.pricing.suggestions.rules.suggestions import Kept
from shared.database import RawConnection

_INSERT = """
INSERT INTO app.price_suggestions (org_id, suggestion_id, tier_id, suggestion, made_at, made_by)
VALUES (%s::uuid, %s::uuid, %s::text, %s::jsonb, %s::timestamptz, %s::text)
"""
_SELECT = """
SELECT suggestion_id, tier_id, suggestion, made_at, made_by FROM app.price_suggestions
WHERE org_id = %s AND suggestion_id = %s
"""
_SELECT_PENDING = """
SELECT price_change_id FROM app.price_changes
WHERE org_id = %s AND tier_id = %s AND state IN (1, 2) LIMIT 1
"""


async def insert_suggestion(raw: RawConnection, org_id: UUID, made: Kept) -> None:
    """Keep a suggestion as it was shown."""
    shown = orjson.dumps(made.suggestion).decode()
    values = (made.suggestion_id, made.tier_id, shown, made.made_at, made.made_by)
    await raw.execute(_INSERT, (org_id, *values))


async def select_suggestion(raw: RawConnection, org_id: UUID, suggestion_id: UUID) -> Kept | None:
    """A suggestion that was made before."""
    row = await (await raw.execute(_SELECT, (org_id, suggestion_id))).fetchone()
    return None if row is None else Kept(*row)


async def select_change_pending(raw: RawConnection, org_id: UUID, tier_id: str) -> bool:
    """Whether an approved change of the tier's price waits for its time."""
    cursor = await raw.execute(_SELECT_PENDING, (org_id, tier_id))
    return await cursor.fetchone() is not None

"""Whom the price in force is to reach: found without a lock, settled by the guard in pieces."""

from __future__ import annotations

from collections.abc import Sequence

from services.pricing.changes.rules.effects import Call, DueTier
from shared.database import RawConnection

_SELECT_CALL = """
SELECT version, reach_calls, now() FROM app.price_versions
WHERE org_id = %s AND tier_id = %s AND valid_to IS NULL
"""

_SELECT_WAITING = "SELECT app.price_waiting(%s::uuid, %s::text, %s::text, %s::integer)"

_REACH = """
SELECT reached, reached_by FROM app.price_reach(%s::uuid, %s::text, %s::text[])
"""

_REACHED = """
SELECT app.price_reached(%s::uuid, %s::text, %s::integer, %s::integer, %s::timestamptz)
"""


async def select_call(raw: RawConnection, tier: DueTier) -> Call:
    """What the price in force asks for, and the moment at which it was asked."""
    row = await (await raw.execute(_SELECT_CALL, tier)).fetchone()
    assert row is not None
    return Call(*row)


async def select_waiting(raw: RawConnection, tier: DueTier, *, after: str, limit: int) -> list[str]:
    """Some subscriptions that the price in force is to reach now, by subscription_id."""
    found = await raw.execute(_SELECT_WAITING, (*tier, after, limit))
    return [one for (one,) in await found.fetchall()]


async def insert_reached(
    raw: RawConnection, tier: DueTier, subscription_ids: Sequence[str]
) -> dict[int, list[str]]:
    """Let prices reach those of these subscribers who are due: whom, by the price's version."""
    found = await raw.execute(_REACH, (*tier, list(subscription_ids)))
    reached: dict[int, list[str]] = {}
    for one, version in sorted(await found.fetchall()):
        reached.setdefault(version, []).append(one)
    return reached


async def update_reached(raw: RawConnection, tier: DueTier, call: Call) -> None:
    """Nobody was due: look again when the next notice has run, or when it has called since."""
    await raw.execute(_REACHED, (*tier, call.version, call.calls, call.seen_at))

"""Counting anew, piece by piece, inside a transaction of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.event_ingest.recount import queries, rules
from services.event_ingest.recount.rules import First, Kept
from services.event_ingest.upkeep.queries import lock_upkeep_out
from shared.database import RawConnection

PIECE = 50_000
"""Events that are counted by one statement: what bounds its memory."""

Report = Callable[[int, int], None]
"""Hears how many events were counted, and of how many about."""


async def recount(
    raw: RawConnection,
    org_id: UUID,
    zones: tuple[str, str],
    now: datetime,
    report: Report = lambda _, __: None,
) -> int:
    """Replace hours and days of the one zone by those of the kept events in the other.

    Says how many events it counted.

    Nobody may store events of the organisation meanwhile; upkeep and the fold of its log wait.
    What is older than retention stays as it is, and all hours do where both zones have the same.
    """
    old_zone, new_zone = zones
    await queries.select_patience(raw)
    await lock_upkeep_out(raw)
    position = await queries.lock_cursor(raw, org_id)
    total = await queries.select_count(raw, org_id)
    cuts = rules.cuts(*await _kept(raw, org_id), now, old_zone)
    differ = old_zone == new_zone or await queries.select_hours_differ(
        raw, org_id, old_zone, new_zone
    )
    if differ:
        await queries.delete_hours(raw, org_id, cuts)
    await queries.delete_days(raw, org_id, cuts)
    counting = rules.Counting(org_id, new_zone, cuts, position)
    counted, after = 0, rules.BEFORE_ALL
    while (piece := await queries.select_piece(raw, org_id, after, PIECE)) is not None:
        if differ:
            await queries.insert_hours(raw, counting, piece)
        await queries.insert_folded(raw, counting, piece)
        counted += await queries.insert_days(raw, counting, piece)
        report(counted, max(total, counted))
        after = piece.until
    return counted


async def _kept(raw: RawConnection, org_id: UUID) -> tuple[Kept, dict[int, Kept]]:
    """What is kept of the types that say for how long, and of all others."""
    days, by_type = await queries.select_retention(raw, org_id)

    async def first(type_id: int | None) -> First:
        return await queries.select_first(raw, org_id, type_id, by_type)

    kept = {type_id: Kept(own, await first(type_id)) for type_id, own in by_type.items()}
    return Kept(days, await first(None)), kept

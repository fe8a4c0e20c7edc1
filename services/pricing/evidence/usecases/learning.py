"""From what is stored to what is known: read in one transaction, computed in another process.

It is computed in pieces, first what each tier says of itself, then each in the light of all: an
organisation of many tiers takes its turns among the others, and no piece takes long.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.pricing.evidence import queries
from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.fitted import Fitted
from services.pricing.evidence.rules.posterior import Belief, Learnt
from services.pricing.evidence.rules.questions import Asked, Known
from services.pricing.evidence.rules.series import Observed, pieces
from services.pricing.parts import Parts
from shared.computing.pool import ComputePool
from shared.database import RawConnection, Tenant

_READS_AS = "service"
_KEPT_SECONDS = 300.0
_THIN_SECONDS = 10.0
"""Where the data cannot tell of any tier yet, more of it may be on its way."""
_TIMES_TAKEN = 10.0
"""It is kept for at least so many times what it took."""
_BELIEVED_AT_ONCE = 20
"""Tiers whose worlds are drawn in one piece: some hundredths of a second and 64 KB each."""


async def learn(parts: Parts, asked: Asked, now: datetime) -> Known:
    """What is known, made for the first who asks and kept for the others.

    It opens a transaction of its own: whoever asks must hold none. Raises Overloaded.
    """

    async def make() -> tuple[Known, float]:
        begun = time.monotonic()
        known = await _learn(parts, asked, asked.as_of or now)
        if asked.as_of is not None:  # few ask for the same past twice
            return known, 0.0
        told = any(isinstance(one.believed, Belief) for one in known.tiers.values())
        seconds = _KEPT_SECONDS if told else _THIN_SECONDS
        return known, max(seconds, _TIMES_TAKEN * (time.monotonic() - begun))

    return await parts.evidence.get(asked, make)


async def _learn(parts: Parts, asked: Asked, as_of: datetime) -> Known:
    org_id = asked.org_id
    tenant = Tenant(org_id, _READS_AS)
    async with parts.database.turn(org_id), parts.database.raw_transaction(tenant) as raw:
        observed = await _observe(raw, asked, as_of)
        subscribers = await queries.select_subscribers(raw, org_id, as_of)
        revenue = await queries.select_revenue(raw, org_id, as_of)
    tiers = await _computed(parts.statistics, org_id, observed, as_of)
    return Known(as_of, tiers, subscribers, revenue)


async def _computed(
    pool: ComputePool, org_id: UUID, observed: Observed, as_of: datetime
) -> dict[str, Learnt]:
    fitted: list[Fitted] = []
    for piece in pieces(observed):
        fitted += await pool.run(org_id, statistics.fit, piece)
    owns, seed = [one.own for one in fitted], _seed(org_id)
    learnt: dict[str, Learnt] = {}
    for first in range(0, len(fitted), _BELIEVED_AT_ONCE):
        some = fitted[first : first + _BELIEVED_AT_ONCE]
        learnt |= await pool.run(org_id, statistics.believe, some, owns, seed, as_of)
    return learnt


async def _observe(raw: RawConnection, asked: Asked, as_of: datetime) -> Observed:
    """Whole days only: the one that runs would look like one of few sales."""
    zone = await queries.select_zone(raw, asked.org_id)
    end = as_of.astimezone(ZoneInfo(zone)).date()
    window = queries.Window(asked.org_id, zone, end - timedelta(days=asked.days), end)
    return Observed(
        window.start,
        window.end,
        await queries.select_tiers(raw, asked.org_id),
        await queries.select_sales(raw, window),
        await queries.select_list_prices(raw, window),
        await queries.select_competitor_prices(raw, window),
        await queries.select_usage(raw, window) if asked.with_usage else (),
    )


def _seed(org_id: UUID) -> int:
    """An organisation's own, so that the same data always give the same answer."""
    return org_id.int % 2**62

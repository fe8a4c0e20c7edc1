"""From what is stored to what is known: read in one transaction, computed in another process."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.pricing.evidence import queries
from services.pricing.evidence.rules import statistics
from services.pricing.evidence.rules.posterior import Belief
from services.pricing.evidence.rules.questions import Asked, Known
from services.pricing.evidence.rules.series import Observed
from services.pricing.parts import Parts
from shared.database import RawConnection, Tenant

_READS_AS = "service"
_KEPT_SECONDS = 300.0
_THIN_SECONDS = 10.0
"""Where the data cannot tell yet, more of it may be on its way."""


async def learn(parts: Parts, asked: Asked, now: datetime) -> Known:
    """What is known, made for the first who asks and kept for the others.

    It opens a transaction of its own: whoever asks must hold none. Raises Overloaded.
    """

    async def make() -> tuple[Known, float]:
        known = await _learn(parts, asked, asked.as_of or now)
        told = all(isinstance(one.believed, Belief) for one in known.tiers.values())
        return known, _KEPT_SECONDS if told and known.tiers else _THIN_SECONDS

    return await parts.evidence.get(asked, make)


async def _learn(parts: Parts, asked: Asked, as_of: datetime) -> Known:
    org_id = asked.org_id
    async with parts.database.turn(org_id):
        async with parts.database.raw_transaction(Tenant(org_id, _READS_AS)) as raw:
            observed = await _observe(raw, asked, as_of)
            subscribers = await queries.select_subscribers(raw, org_id, as_of)
            revenue = await queries.select_revenue(raw, org_id, as_of)
        tiers = await parts.statistics.run(statistics.learn, observed, _seed(org_id), as_of)
    return Known(as_of, tiers, subscribers, revenue)


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

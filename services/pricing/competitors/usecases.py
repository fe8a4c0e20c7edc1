"""What others ask, recorded and listed."""

from __future__ import annotations

from services.pricing.competitors import queries
from services.pricing.competitors.rules import CompetitorPrice, Cursor, Page, Which
from services.pricing.tiers.errors import TierNotFound
from services.pricing.tiers.queries import select_tier
from shared.database import Database, Transaction
from shared.errors import InvalidField
from shared.identity.identity import Identity
from shared.schema import audit


async def record_competitor_price(
    transaction: Transaction, caller: Identity, price: CompetitorPrice
) -> CompetitorPrice:
    """The finding as it is kept. Raises TierNotFound; InvalidField for another currency."""
    tier = await select_tier(transaction.raw, caller.org_id, price.tier_id)
    if tier is None:
        raise TierNotFound(resource="tier")
    if price.currency != tier.currency:
        told = f"must be {tier.currency}, as all of the tier"
        raise InvalidField.of("competitor_price.price.currency_code", told)
    await queries.insert_competitor_price(transaction.raw, caller.org_id, price)
    await audit.append(
        transaction.raw,
        caller.org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action="competitor_price.record",
        target=str(price.competitor_price_id),
        details={
            "tier_id": price.tier_id,
            "competitor": price.competitor,
            "offer": price.offer,
            "amount_minor": price.amount_minor,
            "currency": price.currency,
            "observed_at": price.observed_at.isoformat(),
            "source": price.source,
        },
    )
    return price


async def list_competitor_prices(
    database: Database, caller: Identity, which: Which, *, after: Cursor | None, size: int
) -> Page:
    """A page of findings, the latest seen first."""
    async with database.raw_transaction(caller.tenant) as raw:
        found = await queries.select_competitor_prices(
            raw, caller.org_id, which, after=after, limit=size + 1
        )
    return Page(found[:size], len(found) > size)

"""Tiers made, replaced and read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.pricing.tiers import queries, rules
from services.pricing.tiers.errors import PriceNeedsApproval, TierNotFound
from services.pricing.tiers.rules import PriceVersion, Tier, TierPage, WantedTier
from shared.database import Database, Transaction
from shared.identity.identity import Identity
from shared.schema import audit


async def upsert_tier(
    transaction: Transaction, caller: Identity, wanted: WantedTier
) -> tuple[Tier, bool]:
    """The tier as it is kept, and whether it was made.

    Raises TierStale, CurrencyFixed, BillingPeriodFixed, PriceNeedsApproval, InvalidField.
    """
    raw, org_id, now = transaction.raw, caller.org_id, datetime.now(UTC)
    known = await queries.lock_tier(raw, org_id, wanted.tier_id)
    if known is None:
        if (made := await _make(transaction, caller, wanted.made(now))) is not None:
            return made, True
        known = await queries.lock_tier(raw, org_id, wanted.tier_id)
        assert known is not None, "somebody else has just made it, and tiers stay"
    known.check(org_id, wanted)
    if wanted.profile == known.profile:
        return known, False
    tier = known.replaced(wanted.profile, now)
    await queries.update_tier(raw, org_id, tier)
    changed = rules.differences(known.profile, tier.profile)
    await _audit(transaction, caller, "tier.update", tier, {"changed": changed})
    return tier, False


async def get_tier(
    database: Database, caller: Identity, tier_id: str
) -> tuple[Tier, list[PriceVersion]]:
    """A tier and its prices, the latest first. Raises TierNotFound."""
    found = await queries.select_tier_with_prices(database, caller.tenant, tier_id)
    if found is None:
        raise TierNotFound(resource="tier")
    return found


async def list_tiers(
    database: Database, caller: Identity, *, with_retired: bool, after: str, size: int
) -> TierPage:
    """A page of tiers by tier_id."""
    async with database.raw_transaction(caller.tenant) as raw:
        found = await queries.select_tiers(
            raw, caller.org_id, after=after, limit=size + 1, with_retired=with_retired
        )
    return TierPage(found[:size], len(found) > size)


async def _make(transaction: Transaction, caller: Identity, tier: Tier) -> Tier | None:
    """The new tier with its price; None when somebody else made it at this moment."""
    word = await queries.insert_tier(transaction.raw, caller.org_id, tier)
    if word is None:
        return None
    if word != "OK":  # it has had a price, though no tier
        raise PriceNeedsApproval
    price = {"amount_minor": tier.amount_minor, "currency": tier.currency}
    details = price | {"billing_period": tier.billing_period, "tier": rules.told(tier.profile)}
    await _audit(transaction, caller, "tier.create", tier, details)
    made = await queries.select_tier(transaction.raw, caller.org_id, tier.tier_id)
    assert made is not None
    return made


async def _audit(
    transaction: Transaction,
    caller: Identity,
    action: str,
    tier: Tier,
    details: Mapping[str, Any],
) -> None:
    await audit.append(
        transaction.raw,
        caller.org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action=action,
        target=tier.tier_id,
        details=details,
    )

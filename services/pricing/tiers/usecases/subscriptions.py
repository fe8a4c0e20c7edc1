"""Subscriptions made, moved, ended and read."""

from __future__ import annotations

from datetime import UTC, datetime

from services.pricing.tiers import queries
from services.pricing.tiers.errors import TierNotFound
from services.pricing.tiers.rules import (
    Subscription,
    SubscriptionPage,
    Term,
    Tier,
    WantedSubscription,
    WhichSubscriptions,
    check_open,
)
from shared.database import Database, Transaction
from shared.identity.identity import Identity
from shared.schema import audit


async def upsert_subscription(
    transaction: Transaction, caller: Identity, wanted: WantedSubscription
) -> tuple[Subscription, bool]:
    """The subscription as it is kept, and whether it was made.

    Raises TierNotFound, TierRetired, SubscriptionStale, SubscriptionOfAnother, InvalidField.
    """
    raw, org_id, subscription_id = transaction.raw, caller.org_id, wanted.subscription_id
    tier = await queries.lock_tier_as_it_is(raw, org_id, wanted.tier_id)
    if tier is None:
        raise TierNotFound(resource="tier")
    known = await queries.lock_subscription(raw, org_id, subscription_id)
    if known is None:
        if await _make(transaction, caller, wanted, tier):
            return await _audited(transaction, caller, "create", subscription_id), True
        known = await queries.lock_subscription(raw, org_id, subscription_id)
        assert known is not None, "somebody else has just made it, and subscriptions stay"
    known.check(org_id, wanted)
    term = wanted.replaced(known)
    if term == Term(known.tier_id, known.started_at, known.ended_at):
        return known, False
    check_open(tier, known, term)
    await queries.update_subscription(raw, org_id, known, term)
    return await _audited(transaction, caller, "update", subscription_id), False


async def list_subscriptions(
    database: Database, caller: Identity, which: WhichSubscriptions, *, after: str, size: int
) -> SubscriptionPage:
    """A page of subscriptions by subscription_id."""
    found = await queries.select_subscriptions(
        database, caller.tenant, which, after=after, limit=size + 1
    )
    return SubscriptionPage(found[:size], len(found) > size)


async def _make(
    transaction: Transaction, caller: Identity, wanted: WantedSubscription, tier: Tier
) -> bool:
    """Whether it was made; somebody else may have made it at this moment."""
    term = wanted.made(datetime.now(UTC))
    check_open(tier, None, term)
    return await queries.insert_subscription(
        transaction.raw, caller.org_id, wanted.subscription_id, wanted.client_id, term
    )


async def _audited(
    transaction: Transaction, caller: Identity, act: str, subscription_id: str
) -> Subscription:
    """The subscription as it is kept now; the log knows it too."""
    kept = await queries.select_subscription(transaction.raw, caller.org_id, subscription_id)
    assert kept is not None, "it was written in this transaction"
    ended_at = None if kept.ended_at is None else kept.ended_at.isoformat()
    await audit.append(
        transaction.raw,
        caller.org_id,
        actor=caller.actor,
        actor_role=caller.role.value,
        action=f"subscription.{act}",
        target=subscription_id,
        details={
            "client_id": kept.client_id,
            "tier_id": kept.tier_id,
            "started_at": kept.started_at.isoformat(),
            "ended_at": ended_at,
            "amount_minor": kept.amount_minor,
            "currency": kept.currency,
            "price_version": kept.version,
        },
    )
    return kept

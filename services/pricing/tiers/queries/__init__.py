"""The SQL of tiers and subscriptions."""

from services.pricing.tiers.queries.subscriptions import (
    insert_subscription,
    lock_subscription,
    select_subscription,
    select_subscriptions,
    update_subscription,
)
from services.pricing.tiers.queries.tiers import (
    insert_tier,
    lock_tier,
    lock_tier_as_it_is,
    select_tier,
    select_tier_with_prices,
    select_tiers,
    update_tier,
)

__all__ = [
    "insert_subscription",
    "insert_tier",
    "lock_subscription",
    "lock_tier",
    "lock_tier_as_it_is",
    "select_subscription",
    "select_subscriptions",
    "select_tier",
    "select_tier_with_prices",
    "select_tiers",
    "update_subscription",
    "update_tier",
]

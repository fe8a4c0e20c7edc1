"""Tiers and subscriptions between the wire and values."""

from services.pricing.tiers.wire.moments import from_moment, to_timestamp
from services.pricing.tiers.wire.subscriptions import (
    from_list_subscriptions,
    from_subscription,
    to_list_subscriptions,
    to_subscription,
)
from services.pricing.tiers.wire.tiers import (
    from_cursor,
    from_tier,
    to_get_tier,
    to_list_tiers,
    to_tier,
)

__all__ = [
    "from_cursor",
    "from_list_subscriptions",
    "from_moment",
    "from_subscription",
    "from_tier",
    "to_get_tier",
    "to_list_subscriptions",
    "to_list_tiers",
    "to_subscription",
    "to_tier",
    "to_timestamp",
]

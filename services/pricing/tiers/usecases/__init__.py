"""What is sold, read and changed, each in one transaction."""

from services.pricing.tiers.usecases.subscriptions import (
    list_subscriptions,
    upsert_subscription,
)
from services.pricing.tiers.usecases.tiers import get_tier, list_tiers, upsert_tier

__all__ = ["get_tier", "list_subscriptions", "list_tiers", "upsert_subscription", "upsert_tier"]

"""Subscriptions between the wire and values."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.amounts import to_money
from services.pricing.tiers.rules import (
    Subscription,
    SubscriptionPage,
    WantedSubscription,
    WhichSubscriptions,
)
from services.pricing.tiers.wire.moments import from_moment, to_timestamp


def from_subscription(sent: pb.Subscription, now: datetime) -> WantedSubscription:
    """The subscription as it is to be; what the server sets comes back and says nothing.

    Raises InvalidField.
    """
    return WantedSubscription(
        subscription_id=sent.subscription_id,
        client_id=sent.client_id,
        tier_id=sent.tier_id,
        started_at=_moment(sent, "started_at", now),
        ended_at=_moment(sent, "ended_at", now),
        etag=sent.etag,
    )


def from_list_subscriptions(request: pb.ListSubscriptionsRequest) -> WhichSubscriptions:
    """Which subscriptions are asked for."""
    return WhichSubscriptions(request.tier_id, request.client_id, request.with_ended)


def to_subscription(subscription: Subscription, org_id: UUID) -> pb.Subscription:
    """A subscription as it is shown."""
    return pb.Subscription(
        subscription_id=subscription.subscription_id,
        client_id=subscription.client_id,
        tier_id=subscription.tier_id,
        started_at=to_timestamp(subscription.started_at),
        ended_at=to_timestamp(subscription.ended_at),
        price=to_money(subscription.amount_minor, subscription.currency),
        price_version=subscription.version,
        pending_price_change_id=str(subscription.awaited or ""),
        pending_effective_time=to_timestamp(subscription.awaited_at),
        etag=subscription.etag(org_id),
    )


def to_list_subscriptions(
    page: SubscriptionPage, org_id: UUID
) -> tuple[pb.ListSubscriptionsResponse, list[str] | None]:
    """A page of subscriptions, and where the next one goes on, if there is one.

    A thousand with ids as long as they may be stay far below what a message may hold.
    """
    shown = [to_subscription(one, org_id) for one in page.subscriptions]
    last = [shown[-1].subscription_id] if page.more else None
    return pb.ListSubscriptionsResponse(subscriptions=shown), last


def _moment(
    sent: pb.Subscription, name: Literal["started_at", "ended_at"], now: datetime
) -> datetime | None:
    if not sent.HasField(name):
        return None
    return from_moment(getattr(sent, name), f"subscription.{name}", now)

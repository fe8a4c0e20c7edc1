"""Who is handed what, and how a delivery stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import accumulate
from uuid import UUID

from services.insight.detection.rules.vocabulary import InsightType
from services.insight.webhooks.rules.endpoints import FEED_CONCIERGE, FEED_TIER_MANAGER


class Feed(IntEnum):
    """To whom; the numbers of the contract."""

    CONCIERGE = 1
    TIER_MANAGER = 2


TOPICS: Mapping[Feed, str] = {
    Feed.CONCIERGE: FEED_CONCIERGE,
    Feed.TIER_MANAGER: FEED_TIER_MANAGER,
}
"""Under what name each goes out by webhook."""

CONTEXT_SIZE = 5
TIER_TYPES = (InsightType.POWER_USER, InsightType.UPSELL_OPPORTUNITY, InsightType.CHURN_RISK)
TIER_WINDOW = timedelta(days=7)
TIER_SIZE = 1000


class DeliveryState(IntEnum):
    """How the webhook of a delivery stands; the numbers of the contract."""

    RECORDED = 1
    PENDING = 2
    DELIVERED = 3
    DEAD = 4


_OF_THE_OUTBOX = {1: DeliveryState.PENDING, 2: DeliveryState.DELIVERED, 3: DeliveryState.DEAD}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was handed out, and how its webhook stands."""

    delivery_id: UUID
    feed: Feed
    session_id: str
    insight_ids: Sequence[UUID]
    created_at: datetime
    created_by: str
    state: DeliveryState
    attempts: int = 0
    next_attempt_at: datetime | None = None
    finished_at: datetime | None = None
    last_status: int | None = None
    last_error: str = ""


def state_of(outbox_state: int | None) -> DeliveryState:
    """How a delivery stands whose message stands so; None when it has no message."""
    return DeliveryState.RECORDED if outbox_state is None else _OF_THE_OUTBOX[outbox_state]


def fitting(sizes: Sequence[int], room: int) -> int:
    """How many of these, from the first on, fit into so many bytes."""
    return sum(total <= room for total in accumulate(sizes))

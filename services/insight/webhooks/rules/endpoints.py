"""The words of delivery: topics, whose queue a message stands in, where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

FEED_CONCIERGE = "feed.concierge"
FEED_TIER_MANAGER = "feed.tier_manager"
APPROVALS = "approvals"
"""Requests for a price that wait for a decision: written by pricing."""
PRICE_CHANGES = "price_changes"
"""What becomes of approved changes of prices, and what they brought: written by pricing."""
TOPICS = (FEED_CONCIERGE, FEED_TIER_MANAGER, APPROVALS, PRICE_CHANGES)
"""Everything that an endpoint can be set for."""

PREVIOUS_SIGNS = timedelta(hours=24)
"""So long after a rotation the secret before it signs too."""


class Lane(NamedTuple):
    """The messages of one topic of one organisation: they share an endpoint."""

    org_id: UUID
    topic: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the messages of a lane go, and what signs them."""

    url: str
    secret: str
    previous_secret: str | None = None
    rotated_at: datetime | None = None

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Those that sign, the newest first."""
        if self.previous_secret is None or self.rotated_at is None:
            return (self.secret,)
        if now >= self.rotated_at + PREVIOUS_SIGNS:
            return (self.secret,)
        return self.secret, self.previous_secret


@dataclass(frozen=True, slots=True)
class Message:
    """One message, taken for a try."""

    message_id: UUID
    body: str
    attempts: int
    """Tries before this one."""
    lease_until: datetime
    """Until then nobody else tries it."""

"""Price changes as values, where each stands, and what was predicted against what came. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.pricing.approvals.rules.approval import Wanted
from services.pricing.approvals.rules.ground import Weighed


class ChangeState(IntEnum):
    """Where an approved change stands; the numbers are the contract's."""

    APPROVED = 1
    NOTICE_RUNNING = 2
    EFFECTIVE = 3
    SUPERSEDED = 4
    STALE = 5
    CANCELLED = 6
    FAILED = 7


class Impact(NamedTuple):
    """A belief about how the revenue of two months differs, in minor units."""

    p10: int
    p50: int
    p90: int

    def holds(self, actual: int) -> bool:
        """Whether it lies within."""
        return self.p10 <= actual <= self.p90


@dataclass(frozen=True, slots=True)
class Review:
    """What came of a change, so many days after it took effect."""

    days: int
    predicted: Impact | None
    """None where the evidence was too thin to tell."""
    actual_minor: int
    within: bool | None
    """None where there was nothing to hold it against."""
    paid_share: float
    """For how much of the month subscribers from before the change paid the new price."""
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class PriceChange:
    """An approved change as it is kept, with what it has reached."""

    price_change_id: UUID
    approval_id: UUID
    content_hash: bytes
    tier_id: str
    base_version: int
    old_minor: int
    new_minor: int
    currency: str
    state: ChangeState
    changes: int
    """How often it changed, and once for being made."""
    approved_at: datetime
    effective_at: datetime
    applied_at: datetime | None
    ended_at: datetime | None
    problem: str
    subscribers: int = 0
    notices_delivered: int = 0
    subscribers_effective: int = 0
    reviews: Sequence[Review] = ()

    @property
    def stands(self) -> bool:
        """Whether it is ahead or in force; else nobody waits for it any more."""
        return self.state in {
            ChangeState.APPROVED,
            ChangeState.NOTICE_RUNNING,
            ChangeState.EFFECTIVE,
        }

    def etag(self, org_id: UUID) -> str:
        """Changes with every change, and fits no other."""
        version = f"{org_id}/price_changes/{self.price_change_id}/{self.changes}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()

    def number_of(self, org_id: UUID, etag: str) -> int:
        """The number of changes that an etag stands for; -1 when it is not the current one."""
        return self.changes if etag == self.etag(org_id) else -1


class Payers(NamedTuple):
    """Running subscriptions of a tier that have had these prices of it."""

    tier_id: str
    oldest: int
    newest: int
    """What they pay now."""
    subscriptions: int


def counted(change: PriceChange, payers: Iterable[Payers], told: int) -> PriceChange:
    """The change, with whom it concerns and whom it has reached: those of before it."""
    before = [
        one for one in payers if one.tier_id == change.tier_id and one.oldest <= change.base_version
    ]
    reached = [one for one in before if one.newest > change.base_version]
    return replace(
        change,
        subscribers=sum(one.subscriptions for one in before),
        notices_delivered=told,
        subscribers_effective=sum(one.subscriptions for one in reached),
    )


@dataclass(frozen=True, slots=True)
class Where:
    """Which changes are asked for; empty means any."""

    states: Sequence[ChangeState]
    tier_id: str


class After(NamedTuple):
    """The change after which a list goes on."""

    approved_at: datetime
    price_change_id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Changes, and whether more follow."""

    changes: Sequence[PriceChange]
    more: bool


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A change to be stopped, as it was read."""

    price_change_id: UUID
    etag: str
    notes: str


@dataclass(frozen=True, slots=True)
class RollBack:
    """A change to be taken back, by a request like any other."""

    change: PriceChange
    wanted: Wanted
    weighed: Weighed


@dataclass(frozen=True, slots=True)
class Told:
    """That a client was told of a change."""

    price_change_id: UUID
    client_id: str
    delivered_at: datetime | None
    """None for now."""
    channel: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The record that stands of a client's being told."""

    delivered_at: datetime
    effective_at: datetime
    """From then on they pay the new price."""

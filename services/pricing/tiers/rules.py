"""Tiers and subscriptions as values, and what a change of one means. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.pricing.tiers.errors import (
    BillingPeriodFixed,
    CurrencyFixed,
    PriceNeedsApproval,
    SubscriptionOfAnother,
    SubscriptionStale,
    TierRetired,
    TierStale,
)
from shared.errors import InvalidField

PRICES_SHOWN = 100
"""With a tier, the latest of them."""

_MONTH = 2
"""BILLING_PERIOD_MONTH of the contract."""

_NEXT_MOMENT = timedelta(microseconds=1)


class ValueMetric(NamedTuple):
    """What one unit of something is worth to a client in one billing period."""

    name: str
    low_minor: int
    high_minor: int
    usual_units: float


class Profile(NamedTuple):
    """What callers say of a tier, in the order of its columns; amounts are in its currency."""

    display_name: str
    description: str
    value_metrics: tuple[ValueMetric, ...]
    cost_to_serve_minor: int | None
    floor_minor: int | None
    retired: bool


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier as it is kept, with its price in force."""

    tier_id: str
    currency: str
    billing_period: int
    profile: Profile
    revision: int
    created_at: datetime
    updated_at: datetime
    """By UpsertTier; `changed_at` knows of its price too."""
    amount_minor: int
    version: int
    priced_at: datetime

    @property
    def changed_at(self) -> datetime:
        """When it changed last, its price included."""
        return self.updated_at if self.version == 1 else max(self.updated_at, self.priced_at)

    def etag(self, org_id: UUID) -> str:
        """Changes with every change, and fits no other tier."""
        return _digest(org_id, "tiers", self.tier_id, self.revision, self.version)

    def check(self, org_id: UUID, wanted: WantedTier) -> None:
        """Refuse what does not fit the tier that there is.

        Raises TierStale, CurrencyFixed, BillingPeriodFixed, PriceNeedsApproval.
        """
        if wanted.etag and wanted.etag != self.etag(org_id):
            raise TierStale
        if wanted.currency not in (None, self.currency):
            raise CurrencyFixed(currency=self.currency)
        if wanted.billing_period not in (0, self.billing_period):
            raise BillingPeriodFixed
        if wanted.amount_minor not in (None, self.amount_minor):
            raise PriceNeedsApproval

    def replaced(self, profile: Profile, now: datetime) -> Tier:
        """The tier with all of it replaced but its price; its times only ever grow."""
        changed_at = max(now, self.updated_at + _NEXT_MOMENT)
        return replace(self, profile=profile, revision=self.revision + 1, updated_at=changed_at)


@dataclass(frozen=True, slots=True)
class WantedTier:
    """A tier as it is to be."""

    tier_id: str
    profile: Profile
    amount_minor: int | None
    currency: str | None
    """Of all its amounts; None when it has none."""
    billing_period: int
    """0 when none is said: a month for a new tier, else what it is."""
    etag: str

    def made(self, now: datetime) -> Tier:
        """The tier, when there is none yet. Raises TierStale, InvalidField."""
        if self.etag:
            raise TierStale
        if self.amount_minor is None or self.currency is None:
            raise InvalidField.of("tier.price", "is needed with the first UpsertTier of a tier")
        return Tier(
            self.tier_id, self.currency, self.billing_period or _MONTH, self.profile,
            revision=1, created_at=now, updated_at=now,
            amount_minor=self.amount_minor, version=1, priced_at=now,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """A price, and when new customers paid it."""

    version: int
    amount_minor: int
    valid_from: datetime
    valid_to: datetime | None
    price_change_id: UUID | None


@dataclass(frozen=True, slots=True)
class TierPage:
    """Some tiers by tier_id, and whether there are more."""

    tiers: Sequence[Tier]
    more: bool


class Subscription(NamedTuple):
    """A subscription, what it pays, and the change that awaits it."""

    subscription_id: str
    client_id: str
    tier_id: str
    started_at: datetime
    ended_at: datetime | None
    revision: int
    amount_minor: int
    currency: str
    version: int
    awaited: UUID | None
    """The change that will hold for it first; of those without a time the newest."""
    awaited_at: datetime | None

    def etag(self, org_id: UUID) -> str:
        """Changes with every change and with what it pays, and fits no other subscription."""
        place = f"{self.subscription_id}/{self.tier_id}"
        return _digest(org_id, "subscriptions", place, self.revision, self.version)

    def check(self, org_id: UUID, wanted: WantedSubscription) -> None:
        """Refuse what does not fit. Raises SubscriptionStale, SubscriptionOfAnother."""
        if wanted.etag and wanted.etag != self.etag(org_id):
            raise SubscriptionStale
        if wanted.client_id != self.client_id:
            raise SubscriptionOfAnother


class Term(NamedTuple):
    """On which tier a subscription is, and when: what may change of it."""

    tier_id: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class WantedSubscription:
    """A subscription as it is to be."""

    subscription_id: str
    client_id: str
    tier_id: str
    started_at: datetime | None
    ended_at: datetime | None
    etag: str

    def made(self, now: datetime) -> Term:
        """The term of it, when there is none yet. Raises SubscriptionStale, InvalidField."""
        if self.etag:
            raise SubscriptionStale
        return self._term(self.started_at or now)

    def replaced(self, known: Subscription) -> Term:
        """The term that it goes on with; it began when it began, unless that is said anew."""
        return self._term(self.started_at or known.started_at)

    def _term(self, started_at: datetime) -> Term:
        if self.ended_at is not None and self.ended_at < started_at:
            told = f"must not lie before its start, {started_at.isoformat()}"
            raise InvalidField.of("subscription.ended_at", told)
        return Term(self.tier_id, started_at, self.ended_at)


@dataclass(frozen=True, slots=True)
class WhichSubscriptions:
    """Which subscriptions a list names; empty asks for all that run."""

    tier_id: str = ""
    client_id: str = ""
    with_ended: bool = False


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """Some subscriptions by subscription_id, and whether there are more."""

    subscriptions: Sequence[Subscription]
    more: bool


def check_open(tier: Tier, before: Subscription | None, term: Term) -> None:
    """Who is on a retired tier may stay; who left, or never was, does not come. Raises TierRetired.

    What has ended is only recorded.
    """
    stays = before is not None and before.ended_at is None and before.tier_id == tier.tier_id
    if tier.profile.retired and term.ended_at is None and not stays:
        raise TierRetired


def differences(before: Profile, after: Profile) -> dict[str, list[Any]]:
    """What changed of a tier, each as it was and as it is."""
    known, wanted = told(before), told(after)
    return {name: [known[name], wanted[name]] for name in known if known[name] != wanted[name]}


def told(profile: Profile) -> Mapping[str, Any]:
    """A profile in words of JSON."""
    return profile._asdict() | {"value_metrics": [one._asdict() for one in profile.value_metrics]}


def _digest(org_id: UUID, kind: str, place: str, *counts: int) -> str:
    version = f"{org_id}/{kind}/{place}/{'/'.join(map(str, counts))}"
    return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()

"""Why a tier or a subscription is not kept."""

from __future__ import annotations

from shared.errors import FailedPrecondition, NotFound, StaleEtag


class TierNotFound(NotFound):
    """There is no tier of that id; UpsertTier makes one."""


class TierStale(StaleEtag):
    """The tier, or its price, changed since it was read: read it again, merge, retry."""


class PriceNeedsApproval(FailedPrecondition):
    """The price in force changes only by an approved change: ask for it by RequestApproval."""

    reason = "PRICE_NEEDS_APPROVAL"


class CurrencyFixed(FailedPrecondition):
    """The tier is sold in {currency}, as its first price was; make another tier for others."""


class BillingPeriodFixed(FailedPrecondition):
    """What the price of a tier is paid for stays as it was first; make another tier for others."""


class TierRetired(FailedPrecondition):
    """The tier is retired: who is on it may stay, nobody new can take it."""


class SubscriptionStale(StaleEtag):
    """The subscription, or what it pays, changed since it was read: read it again, retry."""


class SubscriptionOfAnother(FailedPrecondition):
    """The subscription is of another client, and stays so: make another one."""

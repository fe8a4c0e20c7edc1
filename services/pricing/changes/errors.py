"""Why a change of a price is not found, stopped, applied or told of."""

from __future__ import annotations

from shared.errors import FailedPrecondition, NotFound, StaleEtag


class PriceChangeNotFound(NotFound):
    """There is no such price change."""


class PriceChangeStale(StaleEtag):
    """The price change has changed since it was read: read it again, and decide again."""


class AlreadyApplied(FailedPrecondition):
    """The price change is in force, or was; a price is taken back by RollBackPriceChange."""

    reason = "ALREADY_APPLIED"


class PriceChangeOver(FailedPrecondition):
    """The price change is superseded, stale, cancelled or failed: nothing comes of it any more."""


class IsDue(FailedPrecondition):
    """The time of the price change has come: it is rolled back once it is applied."""


class NotInForce(FailedPrecondition):
    """Only a price change that is in force can be rolled back."""


class NotDue(FailedPrecondition):
    """The time of the price change has not come."""


class AfterAnother(FailedPrecondition):
    """An older price change of the tier is due and comes first."""


class InHand(FailedPrecondition):
    """Another worker has the price change in hand."""


class NeedsNoNotice(FailedPrecondition):
    """A price that falls reaches subscribers at once, without notice."""


class NoSubscription(FailedPrecondition):
    """The client has no running subscription of the tier."""

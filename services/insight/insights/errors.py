"""What can be wrong with a decision on an insight."""

from __future__ import annotations

from shared.errors import FailedPrecondition, InvalidField, NotFound, StaleEtag


class InsightNotFound(NotFound):
    """There is no insight of that id."""


class InsightStale(StaleEtag):
    """The insight changed since it was read: read it again, see whether it still matters, retry."""


class InsightClosed(FailedPrecondition):
    """The insight is {state}: leave it. A run opens it again when it comes back or gets worse."""


class AsOfOutOfRange(InvalidField):
    """The time cannot be looked at."""

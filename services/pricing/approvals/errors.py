"""Why a request for a price is not made, changed or decided."""

from __future__ import annotations

from shared.errors import (
    ConcurrentChange,
    FailedPrecondition,
    InvalidField,
    NotFound,
    RoleNotPermitted,
    StaleEtag,
)


class ApprovalNotFound(NotFound):
    """There is no approval of that id."""


class SuggestionNotFound(NotFound):
    """There is no suggestion of that id."""


class SelfApproval(RoleNotPermitted):
    """You asked for this price or revised what was asked: somebody else has to decide."""

    reason = "SELF_APPROVAL"


class NotADecider(RoleNotPermitted):
    """Only an owner or admin of the organisation who is not disabled decides on prices."""


class NotTheirs(RoleNotPermitted):
    """Only who asked for a price or revised what was asked takes it back."""


class ApprovalStale(StaleEtag):
    """The request changed, or somebody else decided first: read it again, decide anew."""


class PriceMoved(ConcurrentChange):
    """The price in force changed again and again while this was asked: ask again."""


class NotPending(FailedPrecondition):
    """The request is {state}: only what is PENDING_REVIEW is decided."""


class ApprovalDecided(FailedPrecondition):
    """The request is decided: ask for another one."""


class ApprovalWithdrawn(FailedPrecondition):
    """The request was withdrawn: ask for another one."""


class ApprovalExpired(FailedPrecondition):
    """Nobody decided within 14 days of the request or its last revision: ask again."""

    reason = "EXPIRED"


class ApprovalOvertaken(FailedPrecondition):
    """The price in force is not the one that the request was about: ask again."""

    reason = "STALE_APPROVAL"


class NoticeTooShort(FailedPrecondition):
    """An increase takes effect 720 hours from now at the soonest: name no time, or a later one."""

    reason = "NOTICE_TOO_SHORT"


class SamePrice(InvalidField):
    """That is the price in force."""

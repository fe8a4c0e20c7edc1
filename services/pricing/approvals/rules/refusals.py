"""What the words of the database mean to a caller."""

from __future__ import annotations

from collections.abc import Mapping

from services.pricing.approvals.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalOvertaken,
    ApprovalStale,
    ApprovalWithdrawn,
    NotADecider,
    NoticeTooShort,
    NotPending,
    NotTheirs,
    SamePrice,
    SelfApproval,
)
from services.pricing.approvals.rules.approval import Approval, State
from services.pricing.tiers.errors import TierNotFound
from shared.errors import FootfallError, InvalidField, Violation

OK = "OK"
MARKED: Mapping[str, str] = {"EXPIRED": "approval.expire", "STALE": "approval.stale"}
"""Words that have left the request so marked, and how the audit log calls that."""

_OVER: Mapping[State, type[FootfallError]] = {
    State.EXPIRED: ApprovalExpired,
    State.STALE: ApprovalOvertaken,
    State.WITHDRAWN: ApprovalWithdrawn,
}
_MEANINGS: Mapping[str, type[FootfallError]] = {
    "SELF_APPROVAL": SelfApproval,
    "ROLE": NotADecider,
    "NOT_YOURS": NotTheirs,
    "CONTENT": ApprovalStale,
    "EXPIRED": ApprovalExpired,
    "STALE": ApprovalOvertaken,
    "NOTICE": NoticeTooShort,
}


class UnknownWord(Exception):
    """The database answered with a word that nobody here knows."""


def refusal(word: str, found: Approval | None, *, decides: bool = False) -> FootfallError:
    """Why not, by the word and by how the request stands after it.

    Of a request that is over, its end is the answer to any etag: to read it again would not help.
    Of one that somebody has decided, who read it before hears that, and who read it since, how it
    stands.
    """
    if word == "NOT_FOUND" or (found is None and word in {"ETAG", "DECIDED"}):
        return ApprovalNotFound(resource="approval")
    if word in {"ETAG", "DECIDED"} and found is not None:
        if found.state in _OVER:
            return _OVER[found.state]()
        late = NotPending(state=found.state.name) if decides else ApprovalDecided()
        return ApprovalStale() if word == "ETAG" else late
    if word == "INCOMPLETE":
        return InvalidField.of("notes" if decides else "reason", SAY_WHY)
    if word in _MEANINGS:
        return _MEANINGS[word]()
    return refusal_of_request(word)


def refusal_of_request(word: str) -> FootfallError:
    """The same of a request that is to be made or revised."""
    if word == "NOT_FOUND":
        return TierNotFound(resource="tier")
    if word == "SAME_PRICE":
        violation = Violation("proposed_price", "must be another than the price in force")
        return SamePrice(violations=[violation])
    if word == "CURRENCY":
        told = "must be the currency of the tier"
        return InvalidField.of("proposed_price.currency_code", told)
    if word == "INCOMPLETE":
        return InvalidField.of("reason", SAY_WHY)
    if word in _MEANINGS:
        return _MEANINGS[word]()
    raise UnknownWord(word)


SAY_WHY = "must say why: spaces alone do not"

"""What the audit log and the world outside are told of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from services.pricing.approvals.rules.approval import Approval, State, Verdict
from services.pricing.approvals.rules.writing import moment, money
from shared.ids import derived_uuid7

TOPIC = "approvals"
"""By which webhooks ask for requests that wait for a decision."""

ACTS: Mapping[Verdict, str] = {
    Verdict.APPROVED: "approval.approve",
    Verdict.REJECTED: "approval.reject",
    Verdict.CHANGES_REQUESTED: "approval.request_changes",
}
"""How the audit log calls what somebody says."""


class Record(NamedTuple):
    """What a transition leaves behind."""

    entry: Mapping[str, Any]
    """Of the audit log, without its target."""
    message_id: UUID | None = None
    message: Mapping[str, Any] = {}


def record(approval: Approval, entry: Mapping[str, str], *, listened: bool, **more: str) -> Record:
    """The entry, with what it was about; a message when somebody listens and has to decide."""
    kept = {**entry, "details": details(approval, **more)}
    if not listened or approval.state is not State.PENDING_REVIEW:
        return Record(kept)
    return Record(kept, message_id(approval), message(approval))


def details(approval: Approval, **more: str) -> dict[str, Any]:
    """What an auditor needs to know of a transition: exactly what it was about, and why."""
    at = approval.requested_effective_at
    return {
        "tier_id": approval.tier_id,
        "revision": approval.revision,
        "base_version": approval.base_version,
        "current_minor": approval.current_minor,
        "proposed_minor": approval.proposed_minor,
        "currency": approval.currency,
        "requested_effective_time": None if at is None else moment(at),
        "content_hash": approval.content_hash.hex(),
        "state": approval.state.name,
        **more,
    }


def origin(approval: Approval) -> dict[str, str]:
    """What a request came from, for its first entry."""
    found = {
        "suggestion_id": approval.suggestion_id,
        "rolls_back_price_change_id": approval.rolls_back,
    }
    return {name: str(one) for name, one in found.items() if one is not None}


def message_id(approval: Approval) -> UUID:
    """The same for a revision, whoever computes it when: a receiver can drop what it has seen."""
    milliseconds = int(approval.requested_at.timestamp() * 1000)
    source = (approval.approval_id.bytes, str(approval.revision))
    return UUID(bytes=derived_uuid7(milliseconds, *source))


def message(approval: Approval) -> dict[str, Any]:
    """What a webhook says of a request that waits for a decision."""
    return {
        "type": TOPIC,
        "timestamp": moment(approval.changed_at),
        "data": {
            "approval_id": str(approval.approval_id),
            "state": f"APPROVAL_STATE_{approval.state.name}",
            "revision": approval.revision,
            "content_hash": approval.content_hash.hex(),
            "tier_id": approval.tier_id,
            "current_price": money(approval.current_minor, approval.currency),
            "proposed_price": money(approval.proposed_minor, approval.currency),
            "requested_by": approval.requested_by,
            "expires_at": moment(approval.expires_at),
        },
    }

"""What the worker finds due, what a change ends as it takes effect, and what is told of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.pricing.approvals.rules.writing import moment, money
from services.pricing.changes.rules.changes import ChangeState, PriceChange, Review
from shared.ids import derived_uuid7

TOPIC = "price_changes"
"""By which webhooks ask for what becomes of approved changes."""

ACTS: Mapping[ChangeState, str] = {
    ChangeState.EFFECTIVE: "price_change.apply",
    ChangeState.SUPERSEDED: "price_change.supersede",
    ChangeState.STALE: "price_change.stale",
    ChangeState.CANCELLED: "price_change.cancel",
    ChangeState.FAILED: "price_change.fail",
}
"""How the audit log calls a change's coming to where it stands."""


class DueChange(NamedTuple):
    """A change whose time has come."""

    org_id: UUID
    price_change_id: UUID
    late_seconds: float


class DueRequests(NamedTuple):
    """An organisation with requests that nobody decided in time."""

    org_id: UUID


class DueTier(NamedTuple):
    """A tier of which a price may reach subscribers."""

    org_id: UUID
    tier_id: str


class Call(NamedTuple):
    """That the subscribers of a price in force be looked at."""

    version: int
    calls: int
    """How often somebody was due who may have been passed by already."""
    seen_at: datetime


class DueReview(NamedTuple):
    """A change that was in force for so many days."""

    org_id: UUID
    price_change_id: UUID
    days: int


class Touched(NamedTuple):
    """What a change ended as it took effect: other changes, and open requests."""

    price_change_ids: Sequence[UUID]
    approval_ids: Sequence[UUID]


def details(change: PriceChange, **more: str) -> dict[str, Any]:
    """What an auditor needs to know of where a change stands."""
    return {
        "approval_id": str(change.approval_id),
        "content_hash": change.content_hash.hex(),
        "tier_id": change.tier_id,
        "base_version": change.base_version,
        "old_minor": change.old_minor,
        "new_minor": change.new_minor,
        "currency": change.currency,
        "state": change.state.name,
        "effective_time": moment(change.effective_at),
        "applied_at": None if change.applied_at is None else moment(change.applied_at),
        "problem": change.problem,
        **more,
    }


def message_id(change: PriceChange, about: str) -> UUID:
    """The same whoever computes it when: a receiver can drop what it has seen."""
    milliseconds = int(change.approved_at.timestamp() * 1000)
    return UUID(bytes=derived_uuid7(milliseconds, change.price_change_id.bytes, about))


def message(change: PriceChange, review: Review | None = None) -> dict[str, Any]:
    """What a webhook says of a change: where it stands, or what a review found."""
    at = change.applied_at or change.ended_at or change.approved_at
    data: dict[str, Any] = {
        "price_change_id": str(change.price_change_id),
        "approval_id": str(change.approval_id),
        "tier_id": change.tier_id,
        "state": f"PRICE_CHANGE_STATE_{change.state.name}",
        "old_price": money(change.old_minor, change.currency),
        "new_price": money(change.new_minor, change.currency),
        "effective_time": moment(change.effective_at),
        "problem": change.problem,
    }
    if review is not None:
        at, data["review"] = review.reviewed_at, _review(review, change.currency)
    return {"type": TOPIC, "timestamp": moment(at), "data": data}


def _review(review: Review, currency: str) -> dict[str, Any]:
    predicted = review.predicted._asdict() if review.predicted else {}
    return {
        "days": review.days,
        "predicted": {name: money(minor, currency) for name, minor in predicted.items()},
        "actual": money(review.actual_minor, currency),
        "within": review.within,
        "paid_share": review.paid_share,
    }

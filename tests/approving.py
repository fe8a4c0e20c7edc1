"""Asking for prices and deciding on them, over the socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from footfall.pricing.v1 import approval_pb2 as pb
from footfall.pricing.v1 import decision_pb2, price_pb2
from tests.bargaining import Seller
from tests.ingesting import Refused, refusal
from tests.organisations import Organisation

PENDING = pb.APPROVAL_STATE_PENDING_REVIEW
APPROVED = pb.APPROVAL_STATE_APPROVED
REJECTED = pb.APPROVAL_STATE_REJECTED
CHANGES_REQUESTED = pb.APPROVAL_STATE_CHANGES_REQUESTED
STALE = pb.APPROVAL_STATE_STALE
EXPIRED = pb.APPROVAL_STATE_EXPIRED
WITHDRAWN = pb.APPROVAL_STATE_WITHDRAWN

DECISIONS = {
    "ApprovePriceChange": decision_pb2.ApprovePriceChangeRequest,
    "RejectPriceChange": decision_pb2.RejectPriceChangeRequest,
    "RequestChanges": decision_pb2.RequestChangesRequest,
}
ENDS = {
    "ApprovePriceChange": APPROVED,
    "RejectPriceChange": REJECTED,
    "RequestChanges": CHANGES_REQUESTED,
}
ACTS = {
    "ApprovePriceChange": "approval.approve",
    "RejectPriceChange": "approval.reject",
    "RequestChanges": "approval.request_changes",
}


def euros(minor: int, currency: str = "EUR") -> Money:
    """So many cents."""
    return Money(currency_code=currency, units=minor // 100, nanos=minor % 100 * 10_000_000)


def make_tier(seller: Seller, tier_id: str = "pro", minor: int = 1000) -> None:
    """A tier with its first price."""
    tier = price_pb2.Tier(
        tier_id=tier_id,
        display_name=tier_id.title(),
        price=euros(minor),
        billing_period=price_pb2.BILLING_PERIOD_MONTH,
    )
    seller.call("UpsertTier", price_pb2.UpsertTierRequest(tier=tier))


def subscribe(seller: Seller, count: int, tier_id: str = "pro") -> None:
    """So many clients of a tier."""
    for number in range(count):
        one = price_pb2.Subscription(
            subscription_id=f"s{number}", client_id=f"c{number}", tier_id=tier_id
        )
        seller.call("UpsertSubscription", price_pb2.UpsertSubscriptionRequest(subscription=one))


def asked(minor: int = 900, tier_id: str = "pro", **fields: Any) -> pb.RequestApprovalRequest:
    """The request for a price."""
    fields = {"reason": "to sell more", **fields}
    return pb.RequestApprovalRequest(tier_id=tier_id, proposed_price=euros(minor), **fields)


def ask(seller: Seller, minor: int = 900, tier_id: str = "pro", **fields: Any) -> pb.Approval:
    """Ask for a price."""
    answer = seller.call("RequestApproval", asked(minor, tier_id, **fields))
    assert isinstance(answer, pb.RequestApprovalResponse)
    return answer.approval


def revised(approval: pb.Approval, minor: int = 850, **fields: Any) -> pb.ReviseApprovalRequest:
    """The request for another price instead."""
    fields = {"etag": approval.etag, "reason": "to sell more still", **fields}
    return pb.ReviseApprovalRequest(
        approval_id=approval.approval_id, proposed_price=euros(minor), **fields
    )


def revise(seller: Seller, approval: pb.Approval, minor: int = 850, **fields: Any) -> pb.Approval:
    """Ask for another price instead."""
    answer = seller.call("ReviseApproval", revised(approval, minor, **fields))
    assert isinstance(answer, pb.ReviseApprovalResponse)
    return answer.approval


def decision(method: str, approval: pb.Approval, **fields: Any) -> Any:
    """The request that decides."""
    fields = {"etag": approval.etag, "notes": "looked at it", **fields}
    return DECISIONS[method](approval_id=approval.approval_id, **fields)


def decide(
    seller: Seller, approval: pb.Approval, method: str = "ApprovePriceChange", **fields: Any
) -> Any:
    """Say what somebody thinks of it; the whole answer."""
    return seller.call(method, decision(method, approval, **fields))


def withdrawn(approval: pb.Approval, **fields: Any) -> decision_pb2.WithdrawApprovalRequest:
    """The request that takes it back."""
    fields = {"etag": approval.etag, **fields}
    return decision_pb2.WithdrawApprovalRequest(approval_id=approval.approval_id, **fields)


def get(seller: Seller, approval: pb.Approval | str) -> pb.Approval:
    """As it stands."""
    approval_id = approval if isinstance(approval, str) else approval.approval_id
    answer = seller.call("GetApproval", pb.GetApprovalRequest(approval_id=approval_id))
    assert isinstance(answer, pb.GetApprovalResponse)
    return answer.approval


def refused(seller: Seller, method: str, request: Any) -> Refused:
    """Why a call was refused."""
    with pytest.raises(grpc.RpcError) as caught:
        seller.call(method, request)
    return refusal(caught.value)


def ending(seller: Seller, method: str, request: Any, **options: Any) -> str:
    """`OK`, or by which code and reason a call was refused."""
    try:
        seller.call(method, request, **options)
    except grpc.RpcError as error:
        told = refusal(error)
        return f"{told.code.name} {told.reason}"
    return "OK"


def entries(
    organisation: Organisation, target: str | None = None, like: str = "approval.%"
) -> list[Any]:
    """Action, actor, role and details of the audit log, in its order."""
    return organisation.database.execute(
        "SELECT action, actor, actor_role, details FROM app.audit_entries WHERE org_id = %s"
        " AND (%s::text IS NULL OR target = %s) AND action LIKE %s ORDER BY sequence",
        organisation.org_id, target, target, like,
    )  # fmt: skip


def actions(organisation: Organisation, approval: pb.Approval) -> list[str]:
    """What the audit log says was done, in its order."""
    return [row[0] for row in entries(organisation, approval.approval_id)]


def changes(organisation: Organisation, approval: pb.Approval) -> int:
    """How many rows of the log of changes name it."""
    [(count,)] = organisation.database.execute(
        "SELECT count(*) FROM app.approval_changes WHERE org_id = %s AND %s = ANY (approval_ids)",
        organisation.org_id, approval.approval_id,
    )  # fmt: skip
    return int(count)


def in_hours(hours: float) -> Timestamp:
    """So many hours from now."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(hours=hours))
    return stamp


def new_id() -> str:
    return str(uuid4())


def by_login(organisation: Organisation, statement: str, *values: object) -> list[Any]:
    """What the service's login gets to see of a statement, as the worker sends it."""
    database = organisation.database
    with database.connect("footfall_pricing") as connection, connection.transaction():
        identity = (organisation.org_id, "service", "pricing-worker")
        connection.execute("SELECT app.set_identity(%s, %s, %s)", identity)
        return connection.execute(statement.encode(), values).fetchall()


def apply(organisation: Organisation, price_change_id: str) -> None:
    """Let an approved change take effect, whose time has come."""
    statement = "SELECT app.price_apply(%s, %s)"
    assert by_login(organisation, statement, organisation.org_id, price_change_id) == [("OK",)]


def expire(organisation: Organisation) -> int:
    """Mark what nobody decided in time; how many that were."""
    return len(by_login(organisation, "SELECT app.price_expire(%s, 100)", organisation.org_id))

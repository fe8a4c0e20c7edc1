"""What callers do with approved changes of prices, over the socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1 import approval_pb2, price_pb2
from footfall.pricing.v1 import decision_pb2 as pb
from services.pricing.changes.rules.changes import ChangeState, PriceChange
from tests.approving import ask, decide
from tests.bargaining import Seller

APPROVED = approval_pb2.PRICE_CHANGE_STATE_APPROVED
NOTICE_RUNNING = approval_pb2.PRICE_CHANGE_STATE_NOTICE_RUNNING
EFFECTIVE = approval_pb2.PRICE_CHANGE_STATE_EFFECTIVE
SUPERSEDED = approval_pb2.PRICE_CHANGE_STATE_SUPERSEDED
STALE = approval_pb2.PRICE_CHANGE_STATE_STALE
CANCELLED = approval_pb2.PRICE_CHANGE_STATE_CANCELLED

NOTICE = timedelta(hours=720)
AT = datetime(2028, 2, 1, 12, tzinfo=UTC)


def agree(
    asks: Seller, decides: Seller, minor: int = 900, tier_id: str = "pro", **fields: Any
) -> approval_pb2.PriceChange:
    """The change that one asks for and another agrees to."""
    answer = decide(decides, ask(asks, minor, tier_id, **fields))
    change: approval_pb2.PriceChange = answer.price_change
    return change


def listed(seller: Seller, **where: Any) -> list[approval_pb2.PriceChange]:
    """All changes of a list."""
    answer = seller.call("ListPriceChanges", pb.ListPriceChangesRequest(**where))
    return list(answer.price_changes)


def read(seller: Seller, change: approval_pb2.PriceChange) -> approval_pb2.PriceChange:
    """As it stands."""
    [found] = [one for one in listed(seller) if one.price_change_id == change.price_change_id]
    return found


def cancelled(change: approval_pb2.PriceChange, **fields: Any) -> pb.CancelPriceChangeRequest:
    """The request that stops it."""
    fields = {"etag": change.etag, "notes": "a mistake", **fields}
    return pb.CancelPriceChangeRequest(price_change_id=change.price_change_id, **fields)


def cancel(
    seller: Seller, change: approval_pb2.PriceChange, **fields: Any
) -> approval_pb2.PriceChange:
    answer = seller.call("CancelPriceChange", cancelled(change, **fields))
    stopped: approval_pb2.PriceChange = answer.price_change
    return stopped


def rolled_back(change: approval_pb2.PriceChange, **fields: Any) -> pb.RollBackPriceChangeRequest:
    """The request for the price that was before it."""
    fields = {"reason": "it was better before", **fields}
    return pb.RollBackPriceChangeRequest(price_change_id=change.price_change_id, **fields)


def roll_back(
    seller: Seller, change: approval_pb2.PriceChange, **fields: Any
) -> approval_pb2.Approval:
    answer = seller.call("RollBackPriceChange", rolled_back(change, **fields))
    made: approval_pb2.Approval = answer.approval
    return made


def told(
    change: approval_pb2.PriceChange, client_id: str = "c0", **fields: Any
) -> pb.RecordNoticeDeliveredRequest:
    """The request that records that a client was told."""
    fields = {"channel": "e-mail 17", **fields}
    return pb.RecordNoticeDeliveredRequest(
        price_change_id=change.price_change_id, client_id=client_id, **fields
    )


def tell(
    seller: Seller, change: approval_pb2.PriceChange, client_id: str = "c0", **fields: Any
) -> pb.RecordNoticeDeliveredResponse:
    answer = seller.call("RecordNoticeDelivered", told(change, client_id, **fields))
    assert isinstance(answer, pb.RecordNoticeDeliveredResponse)
    return answer


def stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment.astimezone(UTC))
    return made


def pays(seller: Seller, subscription_id: str = "s0", tier_id: str = "pro") -> int:
    """What a subscription pays now, in cents."""
    request = price_pb2.ListSubscriptionsRequest(tier_id=tier_id, page_size=1000)
    answer = seller.call("ListSubscriptions", request)
    [found] = [one for one in answer.subscriptions if one.subscription_id == subscription_id]
    return int(found.price.units * 100 + found.price.nanos // 10_000_000)


def price(seller: Seller, tier_id: str = "pro") -> int:
    """What new customers pay now, in cents."""
    tier = seller.call("GetTier", price_pb2.GetTierRequest(tier_id=tier_id)).tier
    return int(tier.price.units * 100 + tier.price.nanos // 10_000_000)


def a_change(number: int = 3, changes: int = 1) -> PriceChange:
    """One that is in force, as it is kept."""
    return PriceChange(
        price_change_id=UUID(int=number),
        approval_id=UUID(int=9),
        content_hash=bytes(32),
        tier_id="pro",
        base_version=1,
        old_minor=1000,
        new_minor=900,
        currency="EUR",
        state=ChangeState.EFFECTIVE,
        changes=changes,
        approved_at=AT,
        effective_at=AT,
        applied_at=AT,
        ended_at=None,
        problem="",
    )

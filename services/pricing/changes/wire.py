"""Price changes between the wire and values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.pricing.v1 import approval_pb2
from footfall.pricing.v1 import decision_pb2 as pb
from services.pricing.amounts import to_money
from services.pricing.changes.rules.changes import (
    After,
    Cancellation,
    ChangeState,
    Impact,
    Notice,
    Page,
    PriceChange,
    Review,
    Told,
    Where,
)
from shared.errors import InvalidField

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise
_NANOS = 1_000_000_000
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999


def to_price_change(change: PriceChange, org_id: UUID) -> approval_pb2.PriceChange:
    """A change as it is shown."""
    shown = approval_pb2.PriceChange(
        price_change_id=str(change.price_change_id),
        approval_id=str(change.approval_id),
        content_hash=change.content_hash.hex(),
        tier_id=change.tier_id,
        state=approval_pb2.PriceChangeState.ValueType(change.state.value),
        old_price=to_money(change.old_minor, change.currency),
        new_price=to_money(change.new_minor, change.currency),
        approved_at=_timestamp(change.approved_at),
        effective_time=_timestamp(change.effective_at),
        etag=change.etag(org_id),
        problem=change.problem,
        subscribers=change.subscribers,
        notices_delivered=change.notices_delivered,
        subscribers_effective=change.subscribers_effective,
        reviews=[_review(one, change.currency) for one in change.reviews],
    )
    if change.applied_at is not None:
        shown.applied_at.FromDatetime(change.applied_at)
    return shown


def to_list_price_changes(
    page: Page, org_id: UUID
) -> tuple[pb.ListPriceChangesResponse, list[str] | None]:
    """A page of changes, and where the next one goes on, if there is one."""
    shown: list[approval_pb2.PriceChange] = []
    room = _MESSAGE_BYTES
    for change in page.changes:
        one = to_price_change(change, org_id)
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    response = pb.ListPriceChangesResponse(price_changes=shown)
    if len(shown) == len(page.changes) and not page.more:
        return response, None
    last = page.changes[len(shown) - 1]
    return response, [last.approved_at.isoformat(), str(last.price_change_id)]


def to_notice(notice: Notice) -> pb.RecordNoticeDeliveredResponse:
    """The record that stands."""
    return pb.RecordNoticeDeliveredResponse(
        delivered_at=_timestamp(notice.delivered_at),
        effective_time=_timestamp(notice.effective_at),
    )


def from_list_price_changes(request: pb.ListPriceChangesRequest) -> Where:
    """Which changes are asked for."""
    return Where([ChangeState(state) for state in request.states], request.tier_id)


def from_cursor(position: Sequence[str] | None) -> After | None:
    """The change after which a list goes on."""
    if not position:
        return None
    return After(datetime.fromisoformat(position[0]), UUID(position[1]))


def from_cancel_price_change(request: pb.CancelPriceChangeRequest) -> Cancellation:
    """Which change is to be stopped, and why."""
    return Cancellation(UUID(request.price_change_id), request.etag, request.notes)


def from_record_notice_delivered(request: pb.RecordNoticeDeliveredRequest) -> Told:
    """Who was told of what. Raises InvalidField."""
    delivered_at = _delivered_at(request)
    return Told(UUID(request.price_change_id), request.client_id, delivered_at, request.channel)


def _delivered_at(request: pb.RecordNoticeDeliveredRequest) -> datetime | None:
    """When somebody was told; None for now. Raises InvalidField for what is no time."""
    if not request.HasField("delivered_at"):
        return None
    moment = request.delivered_at
    if not (0 <= moment.nanos < _NANOS and _FIRST_SECOND <= moment.seconds <= _LAST_SECOND):
        raise InvalidField.of("delivered_at", "must be a valid time of the years 1 to 9999")
    return moment.ToDatetime(UTC)


def _review(review: Review, currency: str) -> approval_pb2.PriceChangeReview:
    return approval_pb2.PriceChangeReview(
        days=review.days,
        predicted=None if review.predicted is None else _quantiles(review.predicted, currency),
        actual=to_money(review.actual_minor, currency),
        within=review.within,
        paid_share=review.paid_share,
        reviewed_at=_timestamp(review.reviewed_at),
    )


def _quantiles(impact: Impact, currency: str) -> approval_pb2.MoneyQuantiles:
    return approval_pb2.MoneyQuantiles(
        p10=to_money(impact.p10, currency),
        p50=to_money(impact.p50, currency),
        p90=to_money(impact.p90, currency),
    )


def _timestamp(moment: datetime) -> Timestamp:
    shown = Timestamp()
    shown.FromDatetime(moment)
    return shown

"""Approvals on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from footfall.pricing.v1 import approval_pb2 as pb
from footfall.pricing.v1 import decision_pb2, price_pb2
from services.pricing.amounts import from_money, to_money
from services.pricing.approvals.rules.approval import (
    Approval,
    Cursor,
    Decision,
    Page,
    Proposal,
    Revision,
    Said,
    State,
    Wanted,
    Where,
)
from services.pricing.approvals.rules.refusals import SAY_WHY
from services.pricing.changes.rules.changes import PriceChange
from services.pricing.changes.wire import to_price_change
from shared.errors import FootfallError, InvalidField
from shared.following import Piece, Place

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
"""The last time that the database keeps."""

DecisionRequest = (
    decision_pb2.ApprovePriceChangeRequest
    | decision_pb2.RejectPriceChangeRequest
    | decision_pb2.RequestChangesRequest
)
Spoken = DecisionRequest | decision_pb2.WithdrawApprovalRequest

Answer = TypeVar(
    "Answer",
    pb.ReviseApprovalResponse,
    decision_pb2.RejectPriceChangeResponse,
    decision_pb2.RequestChangesResponse,
    decision_pb2.WithdrawApprovalResponse,
)


def from_request_approval(request: pb.RequestApprovalRequest) -> Wanted:
    """The request to be made. Raises InvalidField."""
    suggestion = UUID(request.suggestion_id) if request.suggestion_id else None
    return Wanted(request.tier_id, _proposal(request), suggestion)


def from_revise_approval(request: pb.ReviseApprovalRequest) -> Revision:
    """What is to be asked instead. Raises InvalidField."""
    return Revision(UUID(request.approval_id), request.etag, _proposal(request))


def from_decision(request: DecisionRequest) -> Decision:
    """What somebody says of a request. Raises InvalidField."""
    _check_text(request.notes, "notes")
    return Decision(UUID(request.approval_id), request.etag, request.notes)


def from_withdraw_approval(request: decision_pb2.WithdrawApprovalRequest) -> Decision:
    """What is taken back, and why, if anybody says."""
    return Decision(UUID(request.approval_id), request.etag, request.notes)


def from_list_approvals(request: pb.ListApprovalsRequest) -> Where:
    """Which requests are asked for."""
    return Where([State(one) for one in request.states], request.tier_id)


def from_cursor(position: Sequence[str] | None) -> Cursor | None:
    """The place inside a page token."""
    return Cursor(datetime.fromisoformat(position[0]), UUID(position[1])) if position else None


def to_approval(approval: Approval, org_id: UUID) -> pb.Approval:
    """A request as it is shown."""
    currency, at = approval.currency, approval.requested_effective_at
    return pb.Approval(
        approval_id=str(approval.approval_id),
        tier_id=approval.tier_id,
        state=cast("pb.ApprovalState.ValueType", int(approval.state)),
        etag=approval.etag(org_id),
        content_hash=approval.content_hash.hex(),
        revision=approval.revision,
        current_price=to_money(approval.current_minor, currency),
        base_price_version=approval.base_version,
        proposed_price=to_money(approval.proposed_minor, currency),
        requested_effective_time=None if at is None else _timestamp(at),
        reason=approval.reason,
        suggestion_id=_text(approval.suggestion_id),
        evidence=_evidence(approval.evidence),
        risks=[pb.NamedRisk(name=one.name, description=one.description) for one in approval.risks],
        requested_by=approval.requested_by,
        requested_at=_timestamp(approval.requested_at),
        contributors=approval.contributors,
        expires_at=_timestamp(approval.expires_at),
        verdicts=[_verdict(one, approval.revision) for one in approval.verdicts],
        price_change_id=_text(approval.price_change_id),
        rolls_back_price_change_id=_text(approval.rolls_back),
    )


def to_get_approval(
    found: tuple[Approval, PriceChange | None], org_id: UUID
) -> pb.GetApprovalResponse:
    """A request, and the change that came of it."""
    approval, change = found
    return pb.GetApprovalResponse(
        approval=to_approval(approval, org_id),
        price_change=None if change is None else to_price_change(change, org_id),
    )


def to_approve_price_change(
    stands: tuple[Approval, PriceChange | None] | FootfallError, org_id: UUID
) -> decision_pb2.ApprovePriceChangeResponse | FootfallError:
    """The same of one that was agreed to; an error is handed on."""
    if isinstance(stands, FootfallError):
        return stands
    shown = to_get_approval(stands, org_id)
    return decision_pb2.ApprovePriceChangeResponse(
        approval=shown.approval, price_change=shown.price_change
    )


def to_answer(
    answer: type[Answer], stands: Approval | FootfallError, org_id: UUID
) -> Answer | FootfallError:
    """What holds the request as it stands; an error is handed on."""
    if isinstance(stands, FootfallError):
        return stands
    return answer(approval=to_approval(stands, org_id))


def to_list_approvals(
    page: Page, org_id: UUID
) -> tuple[pb.ListApprovalsResponse, tuple[str, str] | None]:
    """A page, and where the next one goes on, if there is one."""
    shown = to_fitting(page.approvals, org_id)
    response = pb.ListApprovalsResponse(approvals=shown)
    if len(shown) == len(page.approvals) and not page.more:
        return response, None
    last = page.approvals[len(shown) - 1]
    return response, (last.requested_at.isoformat(), str(last.approval_id))


def to_messages(
    piece: Piece[Approval], org_id: UUID
) -> Iterator[tuple[Sequence[pb.Approval], Place]]:
    """The requests of a piece in messages that callers take, each with the place after it."""
    rest = piece.shown
    while rest:
        shown = to_fitting((one for one, _ in rest), org_id)
        after = rest[len(shown) - 1][1]
        rest = rest[len(shown) :]
        yield shown, after if rest else piece.after
    if not piece.shown:
        yield (), piece.after


def to_fitting(approvals: Iterable[Approval], org_id: UUID) -> list[pb.Approval]:
    """The first requests as they are shown, as many as a message takes."""
    shown: list[pb.Approval] = []
    room = _MESSAGE_BYTES
    for approval in approvals:
        one = to_approval(approval, org_id)
        room -= one.ByteSize()
        if shown and room < 0:
            break
        shown.append(one)
    return shown


def _proposal(request: pb.RequestApprovalRequest | pb.ReviseApprovalRequest) -> Proposal:
    amount = from_money(request.proposed_price, "proposed_price")
    _check_text(request.reason, "reason")
    sent = request.HasField("requested_effective_time")
    at = _from_timestamp(request.requested_effective_time) if sent else None
    return Proposal(amount.minor, amount.currency, request.reason, at)


def _check_text(text: str, field: str) -> None:
    """Somebody reads this years later: it has to show something."""
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise InvalidField.of(field, SAY_WHY)


def _from_timestamp(moment: Timestamp) -> datetime:
    try:
        at = moment.ToDatetime(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at > _LATEST:
        told = "must be a valid time from the year 1 to 9999-12-31T00:00:00Z"
        raise InvalidField.of("requested_effective_time", told)
    return at


def _evidence(kept: Mapping[str, Any]) -> pb.Evidence:
    """What was frozen as JSON of the contract; its own parser takes ten times as long."""
    shown = pb.Evidence(
        subscribers=int(kept.get("subscribers", 0)),
        change_percent=kept.get("change_percent", 0.0),
        confidence=kept.get("confidence", 0.0),
        insufficient=kept.get("insufficient", ()),
        method_version=kept.get("method_version", ""),
        revenue_30_days=_kept_money(kept.get("revenue_30_days")),
        objective=price_pb2.Objective.Value(kept.get("objective", "OBJECTIVE_UNSPECIFIED")),
    )
    if "as_of" in kept:
        shown.as_of.FromDatetime(datetime.fromisoformat(kept["as_of"]))
    for name in ("elasticity", "churn_risk"):
        if name in kept:
            getattr(shown, name).CopyFrom(pb.Quantiles(**kept[name]))
    for belief in ("revenue_impact", "revenue_change_30_days"):
        for name, money in kept.get(belief, {}).items():
            getattr(getattr(shown, belief), name).CopyFrom(_kept_money(money))
    return shown


def _kept_money(kept: Mapping[str, Any] | None) -> Money | None:
    if kept is None:
        return None
    units, nanos = int(kept.get("units", 0)), int(kept.get("nanos", 0))
    return Money(currency_code=kept["currency_code"], units=units, nanos=nanos)


def _verdict(said: Said, revision: int) -> pb.ApprovalVerdict:
    return pb.ApprovalVerdict(
        verdict=cast("pb.Verdict.ValueType", int(said.verdict)),
        decided_by=said.decided_by,
        role=said.role,
        decided_at=_timestamp(said.decided_at),
        notes=said.notes,
        revision=said.revision,
        content_hash=said.content_hash.hex(),
        void=said.revision < revision,
    )


def _text(one: UUID | None) -> str:
    return "" if one is None else str(one)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp

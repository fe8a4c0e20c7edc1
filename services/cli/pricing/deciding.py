"""How commands of approvals tell what came of a call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.message import Message

from footfall.pricing.v1.approval_pb2 import Approval, GetApprovalResponse
from footfall.pricing.v1.price_pb2 import Tier
from services.cli.pricing import review
from services.cli.pricing.asking import Pricing
from services.cli.pricing.parameters import tier_of
from services.cli.telling import one_line, printable, show


async def ask_and_tell(pricing: Pricing, method: str, request: Message, *, as_json: bool) -> None:
    """The answer to scripts; to people the page of the request, which says how to go on."""
    answer: Any = await pricing.ask(method, request)
    if as_json:
        one_line(answer)
        return
    told = GetApprovalResponse(approval=answer.approval)
    if "price_change" in answer.DESCRIPTOR.fields_by_name and answer.HasField("price_change"):
        told.price_change.CopyFrom(answer.price_change)
    _unbreak(told.approval)
    tier = await _tier(pricing, told.approval)
    show(review.page(printable(told), printable(tier), datetime.now(UTC)))


def _unbreak(approval: Approval) -> None:
    """What people wrote in several lines, as text that is wrapped where there is room."""
    approval.reason = " ".join(approval.reason.split())
    for verdict in approval.verdicts:
        verdict.notes = " ".join(verdict.notes.split())


async def _tier(pricing: Pricing, approval: Approval) -> Tier:
    """As it is now; to a key that may not read tiers, as the request knows it."""
    try:
        return await tier_of(pricing, approval.tier_id)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
    version, price = approval.base_price_version, approval.current_price
    return Tier(tier_id=approval.tier_id, price=price, price_version=version)

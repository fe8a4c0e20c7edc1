"""A price through suggestion, request and consent: what pricing is asked, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.message import Message

from footfall.audit.v1.audit_pb2 import (
    AuditEntry,
    ListAuditEntriesRequest,
    VerifyAuditLogRequest,
    VerifyAuditLogResponse,
)
from footfall.pricing.v1.approval_pb2 import (
    Approval,
    GetApprovalRequest,
    GetApprovalResponse,
    RequestApprovalRequest,
)
from footfall.pricing.v1.decision_pb2 import (
    ApprovePriceChangeRequest,
    ApprovePriceChangeResponse,
    RecordNoticeDeliveredRequest,
    RecordNoticeDeliveredResponse,
)
from footfall.pricing.v1.evidence_pb2 import (
    Elasticity,
    EstimateElasticityRequest,
    PriceSuggestion,
    SuggestPriceRequest,
    SuggestPriceResponse,
)
from footfall.pricing.v1.price_pb2 import (
    RecordCompetitorPriceRequest,
    Tier,
    UpsertSubscriptionRequest,
    UpsertTierRequest,
)
from footfall_client.retry import Failure, failure_of
from services.cli.demo import shop
from services.cli.pricing.asking import Pricing
from services.cli.pricing.parameters import tier_of
from shared.refusal import StartRefused

_AT_ONCE = 16
_AUDITED = 1000


class NotAsPromised(StartRefused):
    """Pricing did what it promises never to do, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Who tried to consent, and what they were told."""

    who: str
    failure: Failure


async def open_shop(pricing: Pricing, now: datetime) -> int:
    """Tell of tiers, subscribers and competitors; how many subscribers."""
    for one in shop.TIERS:
        await pricing.ask("UpsertTier", UpsertTierRequest(tier=shop.tier(one)))
    found = [
        UpsertSubscriptionRequest(subscription=made)
        for one in shop.TIERS
        for made in shop.subscriptions(one, now)
    ]
    await _side_by_side(pricing, "UpsertSubscription", found)
    seen = [
        RecordCompetitorPriceRequest(competitor_price=made)
        for one in shop.TIERS
        for made in shop.competitors(one, now)
    ]
    await _side_by_side(pricing, "RecordCompetitorPrice", seen)
    return len(found)


async def estimate(pricing: Pricing) -> dict[str, Elasticity]:
    """What the data say of each tier."""
    answer = await pricing.ask("EstimateElasticity", EstimateElasticityRequest())
    return {one.tier_id: one for one in answer.elasticities}


async def suggest(pricing: Pricing, tier_id: str) -> PriceSuggestion:
    """A price; there has to be one."""
    answer: SuggestPriceResponse = await pricing.ask(
        "SuggestPrice", SuggestPriceRequest(tier_id=tier_id)
    )
    if not answer.HasField("suggestion"):
        raise NotAsPromised(f"There is no suggestion for {tier_id}: {', '.join(answer.reasons)}.")
    return answer.suggestion


async def ask_for(pricing: Pricing, suggestion: PriceSuggestion, reason: str) -> Approval:
    """Ask for what was suggested."""
    request = RequestApprovalRequest(
        tier_id=suggestion.tier_id,
        proposed_price=suggestion.suggested_price,
        suggestion_id=suggestion.suggestion_id,
        reason=reason,
    )
    answered: Approval = (await pricing.ask("RequestApproval", request)).approval
    return answered


async def reviewed(pricing: Pricing, approval_id: str) -> tuple[GetApprovalResponse, Tier]:
    """The request as it is read, and the tier as it is now."""
    request = GetApprovalRequest(approval_id=approval_id)
    answer: GetApprovalResponse = await pricing.ask("GetApproval", request)
    return answer, await tier_of(pricing, answer.approval.tier_id)


async def consent(pricing: Pricing, approval: Approval, notes: str) -> ApprovePriceChangeResponse:
    """Agree to it."""
    request = _consent(approval, notes)
    answer: ApprovePriceChangeResponse = await pricing.ask("ApprovePriceChange", request)
    return answer


async def try_to_consent(pricing: Pricing, approval: Approval, who: str) -> Refused:
    """Agree to it as somebody who must not."""
    try:
        await pricing.ask("ApprovePriceChange", _consent(approval, "I agree with myself."))
    except grpc.aio.AioRpcError as error:
        return Refused(who, failure_of(error))
    raise NotAsPromised(f"{who} consented to a price, and must not be able to.")


async def tell_subscriber(
    pricing: Pricing, price_change_id: str, client_id: str
) -> RecordNoticeDeliveredResponse:
    """Record that somebody was told."""
    request = RecordNoticeDeliveredRequest(
        price_change_id=price_change_id, client_id=client_id, channel="simulated e-mail"
    )
    answer: RecordNoticeDeliveredResponse = await pricing.ask("RecordNoticeDelivered", request)
    return answer


async def audited(
    pricing: Pricing, prefix: str
) -> tuple[Sequence[AuditEntry], VerifyAuditLogResponse]:
    """What the log says of acts of that name, the oldest first, and whether it is whole."""
    request = ListAuditEntriesRequest(page_size=_AUDITED, action_prefix=prefix)
    listed = await pricing.ask("ListAuditEntries", request)
    verified: VerifyAuditLogResponse = await pricing.ask("VerifyAuditLog", VerifyAuditLogRequest())
    return list(reversed(listed.entries)), verified


def _consent(approval: Approval, notes: str) -> ApprovePriceChangeRequest:
    return ApprovePriceChangeRequest(
        approval_id=approval.approval_id, etag=approval.etag, notes=notes
    )


async def _side_by_side(pricing: Pricing, method: str, requests: Sequence[Message]) -> None:
    """All of them, some at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(request: Message) -> Any:
        async with room:
            return await pricing.ask(method, request)

    await asyncio.gather(*(one(request) for request in requests))

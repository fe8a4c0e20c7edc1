"""UpsertTier, GetTier, ListTiers, UpsertSubscription and ListSubscriptions."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.parts import Parts
from services.pricing.tiers import usecases, wire
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class TierHandlers:
    """The RPCs on tiers and who is on them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def UpsertTier(self, request: pb.UpsertTierRequest, call: Call) -> pb.UpsertTierResponse:
        caller, answer = call.identity, pb.UpsertTierResponse
        wanted = wire.from_tier(request.tier)
        line = (f"tier {wanted.tier_id}",)

        async def act(transaction: Transaction) -> pb.UpsertTierResponse:
            tier, created = await usecases.upsert_tier(transaction, caller, wanted)
            return answer(tier=wire.to_tier(tier, caller.org_id), created=created)

        return await answer_once(self._parts.database, call, request, answer, act, line=line)

    async def GetTier(self, request: pb.GetTierRequest, call: Call) -> pb.GetTierResponse:
        caller = call.identity
        found = await usecases.get_tier(self._parts.database, caller, request.tier_id)
        return wire.to_get_tier(*found, caller.org_id)

    async def ListTiers(self, request: pb.ListTiersRequest, call: Call) -> pb.ListTiersResponse:
        caller, tokens, database = call.identity, self._parts.tokens, self._parts.database
        retired, size = request.with_retired, page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await usecases.list_tiers(
            database, caller, with_retired=retired, after=after, size=size
        )
        response, last = wire.to_list_tiers(page, caller.org_id)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

    async def UpsertSubscription(
        self, request: pb.UpsertSubscriptionRequest, call: Call
    ) -> pb.UpsertSubscriptionResponse:
        caller, answer = call.identity, pb.UpsertSubscriptionResponse
        wanted = wire.from_subscription(request.subscription, datetime.now(UTC))
        line = (f"subscription {wanted.subscription_id}",)

        async def act(transaction: Transaction) -> pb.UpsertSubscriptionResponse:
            kept, created = await usecases.upsert_subscription(transaction, caller, wanted)
            return answer(subscription=wire.to_subscription(kept, caller.org_id), created=created)

        return await answer_once(self._parts.database, call, request, answer, act, line=line)

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, call: Call
    ) -> pb.ListSubscriptionsResponse:
        caller, tokens, database = call.identity, self._parts.tokens, self._parts.database
        which, size = wire.from_list_subscriptions(request), page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await usecases.list_subscriptions(database, caller, which, after=after, size=size)
        response, last = wire.to_list_subscriptions(page, caller.org_id)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

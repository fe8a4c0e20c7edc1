"""GetConciergeContext, PublishToConcierge, PublishToTierManager and ListFeedDeliveries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

from footfall.insights.v1 import feed_pb2 as pb
from services.insight.feeds import usecases, wire
from services.insight.feeds.usecases import HandedOver
from shared.database import Database, Transaction
from shared.idempotency import Repeatable, answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size

Publish = Callable[[Transaction], Awaitable[HandedOver]]
"""A use case, ready to work in a transaction."""


class FeedHandlers:
    """The RPCs on feeds."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def GetConciergeContext(
        self, request: pb.GetConciergeContextRequest, call: Call
    ) -> pb.GetConciergeContextResponse:
        subject = wire.from_subject(request)
        found, as_of = await usecases.get_concierge_context(self._database, call.identity, subject)
        return wire.to_context(found, as_of)

    async def PublishToConcierge(
        self, request: pb.PublishToConciergeRequest, call: Call
    ) -> pb.PublishToConciergeResponse:
        publish = partial(
            usecases.publish_to_concierge,
            caller=call.identity,
            compose=wire.to_message,
            session_id=request.session_id,
            subject=wire.from_subject(request),
        )
        return await self._publish(call, request, pb.PublishToConciergeResponse, publish)

    async def PublishToTierManager(
        self, request: pb.PublishToTierManagerRequest, call: Call
    ) -> pb.PublishToTierManagerResponse:
        publish = partial(
            usecases.publish_to_tier_manager, caller=call.identity, compose=wire.to_message
        )
        return await self._publish(call, request, pb.PublishToTierManagerResponse, publish)

    async def ListFeedDeliveries(
        self, request: pb.ListFeedDeliveriesRequest, call: Call
    ) -> pb.ListFeedDeliveriesResponse:
        place, size = self._tokens.open(call, request, request.page_token), request.page_size
        before, feed = UUID(place[0]) if place else None, wire.from_feed(request.feed)
        found, more = await usecases.list_feed_deliveries(
            self._database, call.identity, feed, before=before, size=page_size(size)
        )
        token = self._tokens.seal(call, request, [str(found[-1].delivery_id)]) if more else ""
        shown = map(wire.to_delivery, found)
        return pb.ListFeedDeliveriesResponse(deliveries=shown, next_page_token=token)

    async def _publish(
        self, call: Call, request: Repeatable, answer: type[wire.Published], publish: Publish
    ) -> wire.Published:
        async def answered(transaction: Transaction) -> wire.Published:
            return wire.to_published(answer, *await publish(transaction))

        return await answer_once(self._database, call, request, answer, answered)

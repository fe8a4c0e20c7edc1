"""RecordCompetitorPrice and ListCompetitorPrices."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.pricing.v1 import price_pb2 as pb
from services.pricing.competitors import usecases, wire
from services.pricing.parts import Parts
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class CompetitorHandlers:
    """The RPCs on what others ask."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def RecordCompetitorPrice(
        self, request: pb.RecordCompetitorPriceRequest, call: Call
    ) -> pb.RecordCompetitorPriceResponse:
        caller, answer, now = call.identity, pb.RecordCompetitorPriceResponse, datetime.now(UTC)
        found = wire.from_competitor_price(request.competitor_price, caller.actor, now)

        async def act(transaction: Transaction) -> pb.RecordCompetitorPriceResponse:
            kept = await usecases.record_competitor_price(transaction, caller, found)
            return answer(competitor_price=wire.to_competitor_price(kept))

        return await answer_once(self._parts.database, call, request, answer, act)

    async def ListCompetitorPrices(
        self, request: pb.ListCompetitorPricesRequest, call: Call
    ) -> pb.ListCompetitorPricesResponse:
        caller, tokens, database = call.identity, self._parts.tokens, self._parts.database
        what, size = wire.from_list_competitor_prices(request), page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await usecases.list_competitor_prices(database, caller, what, after=after, size=size)
        response, last = wire.to_list_competitor_prices(page)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

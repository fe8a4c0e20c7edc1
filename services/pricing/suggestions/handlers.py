"""SuggestPrice."""

from __future__ import annotations

from footfall.pricing.v1 import evidence_pb2 as pb
from services.pricing.parts import Parts
from services.pricing.suggestions import usecases, wire
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call


class SuggestionHandlers:
    """The RPC on suggestions."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def SuggestPrice(
        self, request: pb.SuggestPriceRequest, call: Call
    ) -> pb.SuggestPriceResponse:
        caller, database = call.identity, self._parts.database
        found = await usecases.suggest_price(self._parts, caller, wire.from_suggest_price(request))
        response = wire.to_suggest_price(found)

        async def act(transaction: Transaction) -> pb.SuggestPriceResponse:
            await usecases.keep_suggestion(transaction, caller, found, wire.to_json(response))
            return response

        return await answer_once(database, call, request, pb.SuggestPriceResponse, act)

"""GetPricingSettings and UpdatePricingSettings."""

from __future__ import annotations

from footfall.pricing.v1 import evidence_pb2 as pb
from services.pricing.guard_rails import usecases, wire
from services.pricing.parts import Parts
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call


class GuardRailHandlers:
    """The RPCs on guard-rails."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetPricingSettings(
        self, request: pb.GetPricingSettingsRequest, call: Call
    ) -> pb.GetPricingSettingsResponse:
        caller, database = call.identity, self._parts.database
        found = await usecases.get_pricing_settings(database, caller, request.version)
        return pb.GetPricingSettingsResponse(settings=wire.to_settings(found, caller.org_id))

    async def UpdatePricingSettings(
        self, request: pb.UpdatePricingSettingsRequest, call: Call
    ) -> pb.UpdatePricingSettingsResponse:
        caller, answer = call.identity, pb.UpdatePricingSettingsResponse
        wanted = wire.from_settings(request.settings)

        async def act(transaction: Transaction) -> pb.UpdatePricingSettingsResponse:
            made = await usecases.update_pricing_settings(transaction, caller, wanted)
            return answer(settings=wire.to_settings(made, caller.org_id))

        return await answer_once(self._parts.database, call, request, answer, act)

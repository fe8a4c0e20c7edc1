"""GetJourneySettings and UpdateJourneySettings."""

from __future__ import annotations

from footfall.journey.v1 import settings_pb2 as pb
from services.journey.catalogue import usecases, wire
from services.journey.parts import Parts
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call


class CatalogueHandlers:
    """The RPCs on settings."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetJourneySettings(
        self, request: pb.GetJourneySettingsRequest, call: Call
    ) -> pb.GetJourneySettingsResponse:
        caller, database = call.identity, self._parts.database
        found = await usecases.get_journey_settings(database, caller, request.version)
        return pb.GetJourneySettingsResponse(settings=wire.to_settings(found, caller.org_id))

    async def UpdateJourneySettings(
        self, request: pb.UpdateJourneySettingsRequest, call: Call
    ) -> pb.UpdateJourneySettingsResponse:
        caller, answer = call.identity, pb.UpdateJourneySettingsResponse
        wanted = wire.from_settings(request.settings)

        async def act(transaction: Transaction) -> pb.UpdateJourneySettingsResponse:
            made = await usecases.update_journey_settings(transaction, caller, wanted)
            return answer(settings=wire.to_settings(made, caller.org_id))

        return await answer_once(self._parts.database, call, request, answer, act)

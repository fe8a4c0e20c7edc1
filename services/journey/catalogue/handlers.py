"""GetJourneySettings and UpdateJourneySettings."""

from __future__ import annotations

from footfall.journey.v1 import settings_pb2 as pb
from services.journey.parts import Parts
from shared.rpc.call import Call


class CatalogueHandlers:
    """The RPCs on settings."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetJourneySettings(
        self, request: pb.GetJourneySettingsRequest, call: Call
    ) -> pb.GetJourneySettingsResponse:
        raise NotImplementedError

    async def UpdateJourneySettings(
        self, request: pb.UpdateJourneySettingsRequest, call: Call
    ) -> pb.UpdateJourneySettingsResponse:
        raise NotImplementedError

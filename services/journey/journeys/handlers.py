"""TrackJourneyEvent, TrackJourneyEvents, GetClientJourney and CalculateJourneyScore."""

from __future__ import annotations

from footfall.journey.v1 import tracking_pb2 as pb
from services.journey.parts import Parts
from shared.rpc.call import Call

SELF_VALIDATING = frozenset({"TrackJourneyEvents"})
"""Each event of a batch is judged by itself."""


class JourneyHandlers:
    """The RPCs on events and what follows from them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def TrackJourneyEvent(
        self, request: pb.TrackJourneyEventRequest, call: Call
    ) -> pb.TrackJourneyEventResponse:
        raise NotImplementedError

    async def TrackJourneyEvents(
        self, request: pb.TrackJourneyEventsRequest, call: Call
    ) -> pb.TrackJourneyEventsResponse:
        raise NotImplementedError

    async def GetClientJourney(
        self, request: pb.GetClientJourneyRequest, call: Call
    ) -> pb.GetClientJourneyResponse:
        raise NotImplementedError

    async def CalculateJourneyScore(
        self, request: pb.CalculateJourneyScoreRequest, call: Call
    ) -> pb.CalculateJourneyScoreResponse:
        raise NotImplementedError

"""TrackJourneyEvent, TrackJourneyEvents, GetClientJourney and CalculateJourneyScore."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.journey.v1 import tracking_pb2 as pb
from services.journey.journeys import usecases, wire
from services.journey.parts import Parts
from shared.rpc.call import Call
from shared.rpc.page_token import page_size

SELF_VALIDATING = frozenset({"TrackJourneyEvents"})
"""Each event of a batch is judged by itself."""


class JourneyHandlers:
    """The RPCs on events and what follows from them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def TrackJourneyEvent(
        self, request: pb.TrackJourneyEventRequest, call: Call
    ) -> pb.TrackJourneyEventResponse:
        now, sent_id = wire.from_datetime(datetime.now(UTC)), request.event.event_id
        arrival = wire.from_event(request.event, now)
        tracked = await usecases.track_journey_event(
            self._parts.database, call.identity, arrival, now
        )
        return wire.to_track_journey_event(tracked, sent_id=sent_id)

    async def TrackJourneyEvents(
        self, request: pb.TrackJourneyEventsRequest, call: Call
    ) -> pb.TrackJourneyEventsResponse:
        arrivals, now = wire.from_batch(request.events, wire.from_datetime(datetime.now(UTC)))
        results = await usecases.track_journey_events(
            self._parts.database, call.identity, arrivals, now
        )
        return wire.to_track_journey_events(results)

    async def GetClientJourney(
        self, request: pb.GetClientJourneyRequest, call: Call
    ) -> pb.GetClientJourneyResponse:
        tokens, database = self._parts.tokens, self._parts.database
        position = tokens.open(call, request, request.page_token)
        where = wire.from_get_client_journey(request, position, datetime.now(UTC))
        size = page_size(request.page_size)
        journey = await usecases.get_client_journey(database, call.identity, where, size=size)
        response, last = wire.to_get_client_journey(journey)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

    async def CalculateJourneyScore(
        self, request: pb.CalculateJourneyScoreRequest, call: Call
    ) -> pb.CalculateJourneyScoreResponse:
        here = await usecases.calculate_journey_score(
            self._parts.database,
            call.identity,
            request.client_id,
            wire.from_datetime(datetime.now(UTC)),
        )
        return wire.to_calculate_journey_score(here)

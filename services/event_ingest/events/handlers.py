"""EventIngestService: events in, one by one, in batches and as streams; and listed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events import usecases, wire
from services.event_ingest.events.usecases import Ingestion
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size
from shared.rpc.validation import Rules

SELF_VALIDATING = frozenset({"IngestEvent", "IngestEvents", "StreamEvents"})
"""What they refuse is kept with its reason, so they check the rules of the proto themselves."""


class EventHandlers:
    """The RPCs on events."""

    def __init__(self, ingestion: Ingestion, checks: Rules, tokens: PageTokens) -> None:
        self._ingestion = ingestion
        self._checks = checks
        self._tokens = tokens

    async def IngestEvent(
        self, request: pb.IngestEventRequest, call: Call
    ) -> pb.IngestEventResponse:
        arrival = wire.from_request(request, self._checks, call.identity)
        result = await usecases.ingest_event(self._ingestion, arrival, call.identity)
        verdict = wire.to_verdict(result.verdict)
        return pb.IngestEventResponse(event_id=result.event_id, verdict=verdict)

    async def IngestEvents(
        self, request: pb.IngestEventsRequest, call: Call
    ) -> pb.IngestEventsResponse:
        arrivals = wire.from_batch(request, self._checks, call.identity)
        results = await usecases.ingest_events(self._ingestion, arrivals, call.identity)
        return pb.IngestEventsResponse(results=map(wire.to_event_result, results))

    async def StreamEvents(
        self, requests: AsyncIterator[pb.StreamEventsRequest], call: Call
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        batches = (
            (request.batch_number, wire.from_batch(request, self._checks, call.identity))
            async for request in requests
        )
        stored = usecases.stream_events(self._ingestion, batches, call.identity, call)
        async for number, results in stored:
            yield wire.to_batch_answer(number, results)

    async def ListEvents(self, request: pb.ListEventsRequest, call: Call) -> pb.ListEventsResponse:
        query = wire.from_list_events(request)
        before = wire.from_cursor(self._tokens.open(call, request, request.page_token))
        size = page_size(request.page_size)
        page = await usecases.list_events(
            self._ingestion, call.identity, query, before=before, size=size
        )
        response, last = wire.to_list_events(page)
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response

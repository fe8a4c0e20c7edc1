"""ListRejectedEvents and ReplayRejectedEvents."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.usecases import Ingestion, replay_rejected_events
from services.event_ingest.events.wire import from_kept
from services.event_ingest.rejected import usecases, wire
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size
from shared.rpc.validation import Rules


class RejectedHandlers:
    """The RPCs on refused events."""

    def __init__(self, ingestion: Ingestion, checks: Rules, tokens: PageTokens) -> None:
        self._ingestion = ingestion
        self._checks = checks
        self._tokens = tokens

    async def ListRejectedEvents(
        self, request: pb.ListRejectedEventsRequest, call: Call
    ) -> pb.ListRejectedEventsResponse:
        place = self._tokens.open(call, request, request.page_token)
        before, size = UUID(place[0]) if place else None, page_size(request.page_size)
        page = await usecases.list_rejected_events(
            self._ingestion.database, call.identity, request.reason, before=before, size=size
        )
        response, last = wire.to_list(page)
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response

    async def ReplayRejectedEvents(
        self, request: pb.ReplayRejectedEventsRequest, call: Call
    ) -> pb.ReplayRejectedEventsResponse:
        sent = partial(from_kept, checks=self._checks)
        wanted = [UUID(one) for one in request.rejection_ids]
        tried, remaining = await replay_rejected_events(
            self._ingestion, call.identity, sent, rejection_ids=wanted, reason=request.reason
        )
        return wire.to_replay(tried, remaining)

"""TailEvents: the live tail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.usecases import Ingestion
from services.event_ingest.tail import usecases, wire
from services.event_ingest.tail.rules import Place  # house: tokens are sealed here
from shared.errors import ResumeTokenExpired
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class TailHandlers:
    """The RPC that follows the log."""

    def __init__(self, ingestion: Ingestion, tokens: PageTokens) -> None:
        self._ingestion = ingestion
        self._tokens = tokens

    async def TailEvents(
        self, request: pb.TailEventsRequest, call: Call
    ) -> AsyncIterator[pb.TailEventsResponse]:
        start = await self._start(request, call)
        query, stopping = wire.from_tail_events(request), call.server_stopping
        pieces = usecases.tail_events(self._ingestion, call.identity, query, start, stopping)
        async for piece in pieces:
            for shown, after in wire.to_messages(piece):
                token = self._token(request, call, after, piece.logged_at)
                yield pb.TailEventsResponse(events=shown, resume_token=token)

    async def _start(self, request: pb.TailEventsRequest, call: Call) -> Place:
        token = self._tokens.open(call, request, request.resume_token)
        if token is None:
            return await usecases.read_place_of_now(self._ingestion.database, call.identity)
        place, logged_at = wire.from_token(token)
        now = datetime.now(UTC)
        if now - logged_at > usecases.KEPT:
            oldest = await usecases.read_oldest_place(self._ingestion.database, call.identity)
            since = now - usecases.KEPT + usecases.GRACE
            raise ResumeTokenExpired(oldest=self._token(request, call, oldest, since))
        return place

    def _token(
        self, request: pb.TailEventsRequest, call: Call, place: Place, logged_at: datetime
    ) -> str:
        return self._tokens.seal(call, request, wire.to_token(place, logged_at))

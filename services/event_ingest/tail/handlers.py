"""TailEvents: the live tail."""

from __future__ import annotations

from collections.abc import AsyncIterator

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.usecases import Ingestion
from services.event_ingest.tail import usecases, wire
from shared.following import Resumption
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class TailHandlers:
    """The RPC that follows the log."""

    def __init__(self, ingestion: Ingestion, tokens: PageTokens) -> None:
        self._ingestion = ingestion
        self._tails = Resumption(ingestion.database, usecases.COMMITS, tokens)

    async def TailEvents(
        self, request: pb.TailEventsRequest, call: Call
    ) -> AsyncIterator[pb.TailEventsResponse]:
        start = await self._tails.start(call, request, request.resume_token)
        query, stopping = wire.from_tail_events(request), call.server_stopping
        pieces = usecases.tail_events(self._ingestion, call.identity, query, start, stopping)
        async for piece in pieces:
            for shown, after in wire.to_messages(piece, piece.organisation):
                token = self._tails.token(call, request, after, piece.logged_at)
                yield pb.TailEventsResponse(events=shown, resume_token=token)

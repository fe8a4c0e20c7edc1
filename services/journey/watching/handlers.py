"""WatchJourneys."""

from __future__ import annotations

from collections.abc import AsyncIterator

from footfall.journey.v1 import watch_pb2 as pb
from services.journey.parts import Parts
from services.journey.watching import usecases, wire
from shared.following import Resumption
from shared.rpc.call import Call


class WatchHandlers:
    """The RPC that follows clients."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._watching = Resumption(parts.database, usecases.CHANGES, parts.tokens)

    async def WatchJourneys(
        self, request: pb.WatchJourneysRequest, call: Call
    ) -> AsyncIterator[pb.WatchJourneysResponse]:
        start = await self._watching.start(call, request, request.resume_token)
        where, stopping = wire.from_watch_journeys(request), call.server_stopping
        pieces = usecases.watch_journeys(
            self._parts.database, call.identity, where, start, stopping
        )
        async for piece in pieces:
            for shown, after in wire.to_messages(piece):
                token = self._watching.token(call, request, after, piece.logged_at)
                yield pb.WatchJourneysResponse(clients=shown, resume_token=token)

"""WatchInsights."""

from __future__ import annotations

from collections.abc import AsyncIterator

from footfall.insights.v1 import watch_pb2 as pb
from services.insight.watching import usecases, wire
from shared.database import Database
from shared.following import Resumption
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class WatchHandlers:
    """The RPC that follows insights."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._watches = Resumption(database, usecases.CHANGES, tokens)

    async def WatchInsights(
        self, request: pb.WatchInsightsRequest, call: Call
    ) -> AsyncIterator[pb.WatchInsightsResponse]:
        start = await self._watches.start(call, request, request.resume_token)
        where, stopping = wire.from_watch_insights(request), call.server_stopping
        pieces = usecases.watch_insights(self._database, call.identity, where, start, stopping)
        async for piece in pieces:
            for shown, after in wire.to_messages(piece):
                token = self._watches.token(call, request, after, piece.logged_at)
                yield pb.WatchInsightsResponse(insights=shown, resume_token=token)

"""WatchInsights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from footfall.insights.v1 import watch_pb2 as pb
from services.insight.watching import usecases, wire
from services.insight.watching.rules import Place  # house: tokens are sealed here
from shared.database import Database
from shared.errors import ResumeTokenExpired
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class WatchHandlers:
    """The RPC that follows insights."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def WatchInsights(
        self, request: pb.WatchInsightsRequest, call: Call
    ) -> AsyncIterator[pb.WatchInsightsResponse]:
        start = await self._first_place(request, call)
        where, stopping = wire.from_watch_insights(request), call.server_stopping
        pieces = usecases.watch_insights(self._database, call.identity, where, start, stopping)
        async for piece in pieces:
            for shown, after in wire.to_messages(piece):
                token = self._resume_token(request, call, after, piece.logged_at)
                yield pb.WatchInsightsResponse(insights=shown, resume_token=token)

    async def _first_place(self, request: pb.WatchInsightsRequest, call: Call) -> Place:
        token = self._tokens.open(call, request, request.resume_token)
        if token is None:
            return await usecases.read_place_of_now(self._database, call.identity)
        place, logged_at = wire.from_token(token)
        now = datetime.now(UTC)
        if now - logged_at > usecases.KEPT:
            oldest = await usecases.read_oldest_place(self._database, call.identity)
            since = now - usecases.KEPT + usecases.GRACE
            raise ResumeTokenExpired(oldest=self._resume_token(request, call, oldest, since))
        return place

    def _resume_token(
        self, request: pb.WatchInsightsRequest, call: Call, place: Place, logged_at: datetime
    ) -> str:
        return self._tokens.seal(call, request, wire.to_token(place, logged_at))

"""GetSession and ListSessions."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from footfall.events.v1 import event_ingest_pb2 as pb
from services.event_ingest.events.wire import from_cursor
from services.event_ingest.sessions import usecases, wire
from shared.database import Database
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size


class SessionHandlers:
    """The RPCs on sessions."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def GetSession(self, request: pb.GetSessionRequest, call: Call) -> pb.GetSessionResponse:
        session_key = UUID(request.session_key)
        row = await usecases.get_session(self._database, call.identity, session_key)
        return pb.GetSessionResponse(session=wire.to_session(row, datetime.now(UTC)))

    async def ListSessions(
        self, request: pb.ListSessionsRequest, call: Call
    ) -> pb.ListSessionsResponse:
        where, size = wire.from_list_sessions(request), page_size(request.page_size)
        before = from_cursor(self._tokens.open(call, request, request.page_token))
        page = await usecases.list_sessions(
            self._database, call.identity, where, before=before, size=size
        )
        response, last = wire.to_list_sessions(page, datetime.now(UTC))
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response

"""GetClientSignals and ListClientSignals."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.insights.v1 import signals_pb2 as pb
from services.insight.profiles.wire import from_as_of
from services.insight.signals import usecases, wire
from shared.database import Database
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size


class SignalHandlers:
    """The RPCs on signals of clients."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._signals = usecases.ClientSignals(database)
        self._tokens = tokens

    async def GetClientSignals(
        self, request: pb.GetClientSignalsRequest, call: Call
    ) -> pb.GetClientSignalsResponse:
        as_of = from_as_of(request, datetime.now(UTC))
        signals = await self._signals.get_client_signals(call.identity, request.client_id, as_of)
        return pb.GetClientSignalsResponse(
            signals=wire.to_client_signals(request.client_id, as_of, signals)
        )

    async def ListClientSignals(
        self, request: pb.ListClientSignalsRequest, call: Call
    ) -> pb.ListClientSignalsResponse:
        place = self._tokens.open(call, request, request.page_token)
        which = wire.from_list_client_signals(request, place, datetime.now(UTC))
        page = await self._signals.list_client_signals(
            call.identity, which, size=page_size(request.page_size)
        )
        response, last = wire.to_list_client_signals(page, which.as_of)
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response

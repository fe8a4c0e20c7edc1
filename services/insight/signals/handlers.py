"""GetClientSignals."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.insights.v1 import signals_pb2 as pb
from services.insight.profiles.wire import from_as_of
from services.insight.signals import usecases, wire
from shared.database import Database
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class SignalHandlers:
    """The RPC on the signals of a client."""

    def __init__(self, database: Database, _: PageTokens) -> None:
        self._signals = usecases.ClientSignals(database)

    async def GetClientSignals(
        self, request: pb.GetClientSignalsRequest, call: Call
    ) -> pb.GetClientSignalsResponse:
        as_of = from_as_of(request, datetime.now(UTC))
        signals = await self._signals.get_client_signals(call.identity, request.client_id, as_of)
        return pb.GetClientSignalsResponse(
            signals=wire.to_client_signals(request.client_id, as_of, signals)
        )

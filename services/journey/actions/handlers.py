"""GetNextBestAction."""

from __future__ import annotations

from footfall.journey.v1 import actions_pb2 as pb
from services.journey.actions import wire
from services.journey.actions.usecases import NextActions
from services.journey.parts import Parts
from services.journey.signals.usecases import Signalling
from shared.rpc.call import Call


class ActionHandlers:
    """The RPC that recommends."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._actions = NextActions(parts.database, Signalling(parts))

    async def GetNextBestAction(
        self, request: pb.GetNextBestActionRequest, call: Call
    ) -> pb.GetNextBestActionResponse:
        as_of, most = wire.from_get_next_best_action(request)
        advice = await self._actions.get_next_best_action(
            call.identity, request.client_id, as_of, most
        )
        return wire.to_get_next_best_action(advice, call.identity.org_id, self._parts.tokens)

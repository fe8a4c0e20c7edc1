"""GetNextBestAction."""

from __future__ import annotations

from datetime import UTC, datetime

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
        question = wire.from_get_next_best_action(request, datetime.now(UTC))
        advice = await self._actions.get_next_best_action(call.identity, question)
        return wire.to_get_next_best_action(advice, call.identity.org_id, self._parts.tokens)

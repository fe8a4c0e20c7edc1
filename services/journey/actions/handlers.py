"""GetNextBestAction."""

from __future__ import annotations

from footfall.journey.v1 import actions_pb2 as pb
from services.journey.parts import Parts
from shared.rpc.call import Call


class ActionHandlers:
    """The RPC that recommends."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetNextBestAction(
        self, request: pb.GetNextBestActionRequest, call: Call
    ) -> pb.GetNextBestActionResponse:
        raise NotImplementedError

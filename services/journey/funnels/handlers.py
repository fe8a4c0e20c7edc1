"""GetStageFunnel and PredictStage."""

from __future__ import annotations

from footfall.journey.v1 import funnel_pb2 as pb
from services.journey.parts import Parts
from shared.rpc.call import Call


class FunnelHandlers:
    """The RPCs on the way between stages."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetStageFunnel(
        self, request: pb.GetStageFunnelRequest, call: Call
    ) -> pb.GetStageFunnelResponse:
        raise NotImplementedError

    async def PredictStage(
        self, request: pb.PredictStageRequest, call: Call
    ) -> pb.PredictStageResponse:
        raise NotImplementedError

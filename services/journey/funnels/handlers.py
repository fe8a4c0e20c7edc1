"""GetStageFunnel and PredictStage."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.journey.v1 import funnel_pb2 as pb
from services.journey.funnels import usecases, wire
from services.journey.parts import Parts
from shared.rpc.call import Call


class FunnelHandlers:
    """The RPCs on the way between stages."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def GetStageFunnel(
        self, request: pb.GetStageFunnelRequest, call: Call
    ) -> pb.GetStageFunnelResponse:
        question = wire.from_get_stage_funnel(request, datetime.now(UTC))
        found = await usecases.get_stage_funnel(self._parts.database, call.identity, question)
        return wire.to_get_stage_funnel(found)

    async def PredictStage(
        self, request: pb.PredictStageRequest, call: Call
    ) -> pb.PredictStageResponse:
        question = wire.from_predict_stage(request, datetime.now(UTC))
        foretold = await usecases.predict_stage(self._parts.database, call.identity, question)
        return wire.to_predict_stage(foretold)

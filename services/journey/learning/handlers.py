"""RecordActionOutcome and GetActionReport."""

from __future__ import annotations

from footfall.journey.v1 import actions_pb2 as pb
from services.journey.parts import Parts
from shared.rpc.call import Call


class LearningHandlers:
    """The RPCs on outcomes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def RecordActionOutcome(
        self, request: pb.RecordActionOutcomeRequest, call: Call
    ) -> pb.RecordActionOutcomeResponse:
        raise NotImplementedError

    async def GetActionReport(
        self, request: pb.GetActionReportRequest, call: Call
    ) -> pb.GetActionReportResponse:
        raise NotImplementedError

"""EstimateElasticity and PredictDemand."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.pricing.v1 import evidence_pb2 as pb
from services.pricing.evidence import usecases, wire
from services.pricing.parts import Parts
from shared.rpc.call import Call


class EvidenceHandlers:
    """The RPCs of the area."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def EstimateElasticity(
        self, request: pb.EstimateElasticityRequest, call: Call
    ) -> pb.EstimateElasticityResponse:
        question = wire.from_estimate_elasticity(request, datetime.now(UTC))
        found = await usecases.estimate_elasticity(self._parts, call.identity, question)
        return wire.to_estimate_elasticity(*found)

    async def PredictDemand(
        self, request: pb.PredictDemandRequest, call: Call
    ) -> pb.PredictDemandResponse:
        question = wire.from_predict_demand(request, datetime.now(UTC))
        predicted = await usecases.predict_demand(self._parts, call.identity, question)
        return wire.to_predict_demand(predicted)

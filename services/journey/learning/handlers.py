"""RecordActionOutcome and GetActionReport."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.journey.v1 import actions_pb2 as pb
from services.journey.journeys.rules.moments import to_micros
from services.journey.learning import usecases, wire
from services.journey.parts import Parts
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call


class LearningHandlers:
    """The RPCs on outcomes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def RecordActionOutcome(
        self, request: pb.RecordActionOutcomeRequest, call: Call
    ) -> pb.RecordActionOutcomeResponse:
        caller, now, line = call.identity, to_micros(datetime.now(UTC)), (request.client_id,)
        tokens, answer = self._parts.tokens, pb.RecordActionOutcomeResponse
        told = wire.from_record_action_outcome(request, tokens, caller.org_id, now)

        async def act(transaction: Transaction) -> pb.RecordActionOutcomeResponse:
            kept = await usecases.record_action_outcome(transaction, caller, told, now)
            return wire.to_recorded(kept)

        return await answer_once(self._parts.database, call, request, answer, act, line=line)

    async def GetActionReport(
        self, request: pb.GetActionReportRequest, call: Call
    ) -> pb.GetActionReportResponse:
        now, days = datetime.now(UTC), wire.from_get_action_report(request)
        report = await usecases.get_action_report(self._parts.database, call.identity, days, now)
        return wire.to_report(report, now)

"""GetDetectorSettings and UpdateDetectorSettings."""

from __future__ import annotations

from footfall.insights.v1 import settings_pb2 as pb
from services.insight.detector_settings import usecases, wire
from shared.database import Database, Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class DetectorSettingsHandlers:
    """The RPCs on thresholds."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def GetDetectorSettings(
        self, request: pb.GetDetectorSettingsRequest, call: Call
    ) -> pb.GetDetectorSettingsResponse:
        caller = call.identity
        found = await usecases.get_detector_settings(self._database, caller, request.version)
        return pb.GetDetectorSettingsResponse(settings=wire.to_settings(found, caller.org_id))

    async def UpdateDetectorSettings(
        self, request: pb.UpdateDetectorSettingsRequest, call: Call
    ) -> pb.UpdateDetectorSettingsResponse:
        caller, answer = call.identity, pb.UpdateDetectorSettingsResponse
        wanted = wire.from_settings(request.settings)

        async def act(transaction: Transaction) -> pb.UpdateDetectorSettingsResponse:
            made = await usecases.update_detector_settings(transaction, caller, wanted)
            return answer(settings=wire.to_settings(made, caller.org_id))

        return await answer_once(self._database, call, request, answer, act)

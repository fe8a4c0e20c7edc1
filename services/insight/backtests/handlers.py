"""BacktestDetectors."""

from __future__ import annotations

from collections.abc import AsyncIterator

from footfall.insights.v1 import backtest_pb2 as pb
from services.insight.backtests import usecases, wire
from shared.database import Database
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens


class BacktestHandlers:
    """The RPC that judges the detectors."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def BacktestDetectors(
        self, request: pb.BacktestDetectorsRequest, call: Call
    ) -> AsyncIterator[pb.BacktestDetectorsResponse]:
        step, thresholds = wire.from_step(request), wire.from_thresholds(request)
        question = usecases.Question(*wire.from_interval(request), step, thresholds)
        answers = usecases.backtest_detectors(self._database, call.identity, question)
        async for answer in answers:
            yield wire.to_response(answer.share, answer.subjects, answer.runs, answer.reports)

"""GenerateInsights, ListInsights, GetInsight, and the decisions on insights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from footfall.insights.v1 import insight_requests_pb2 as pb
from services.insight.insights import usecases, wire
from services.insight.insights.rules.life import Decision, Insight  # house: signatures name them
from shared.database import Database, Transaction
from shared.idempotency import answer_once
from shared.identity.identity import Identity
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size

Answer = TypeVar(
    "Answer", pb.AcknowledgeInsightResponse, pb.ResolveInsightResponse, pb.DismissInsightResponse
)

Act = Callable[[Transaction, Identity, Decision], Awaitable[Insight]]
"""A use case that decides."""


class InsightsHandlers:
    """The RPCs on insights."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def GenerateInsights(
        self, request: pb.GenerateInsightsRequest, call: Call
    ) -> pb.GenerateInsightsResponse:
        wanted, left = wire.from_generate_insights(request), call.remaining()
        generated = await usecases.generate_insights(self._database, call.identity, wanted, left)
        return wire.to_generated(generated)

    async def ListInsights(
        self, request: pb.ListInsightsRequest, call: Call
    ) -> pb.ListInsightsResponse:
        where, size = wire.from_list_insights(request), page_size(request.page_size)
        after = wire.from_cursor(self._tokens.open(call, request, request.page_token))
        page = await usecases.list_insights(
            self._database, call.identity, where, after=after, size=size
        )
        response, last = wire.to_list_insights(page)
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response

    async def GetInsight(self, request: pb.GetInsightRequest, call: Call) -> pb.GetInsightResponse:
        insight_id = UUID(request.insight_id)
        found = await usecases.get_insight(self._database, call.identity, insight_id)
        return pb.GetInsightResponse(insight=wire.to_insight(found))

    async def AcknowledgeInsight(
        self, request: pb.AcknowledgeInsightRequest, call: Call
    ) -> pb.AcknowledgeInsightResponse:
        act = usecases.acknowledge_insight
        return await self._decide(call, request, pb.AcknowledgeInsightResponse, act)

    async def ResolveInsight(
        self, request: pb.ResolveInsightRequest, call: Call
    ) -> pb.ResolveInsightResponse:
        act = usecases.resolve_insight
        return await self._decide(call, request, pb.ResolveInsightResponse, act)

    async def DismissInsight(
        self, request: pb.DismissInsightRequest, call: Call
    ) -> pb.DismissInsightResponse:
        act = usecases.dismiss_insight
        return await self._decide(call, request, pb.DismissInsightResponse, act)

    async def _decide(
        self, call: Call, request: wire.DecisionRequest, answer: type[Answer], act: Act
    ) -> Answer:
        decision = wire.from_decision(request)

        async def answered(transaction: Transaction) -> Answer:
            insight = await act(transaction, call.identity, decision)
            return answer(insight=wire.to_insight(insight))

        return await answer_once(self._database, call, request, answer, answered)

"""ListHighRiskClients and ListUpsellCandidates."""

from __future__ import annotations

from footfall.journey.v1 import clients_pb2 as pb
from services.journey.parts import Parts
from services.journey.standings import usecases, wire
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class StandingHandlers:
    """The RPCs that list by state."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ListHighRiskClients(
        self, request: pb.ListHighRiskClientsRequest, call: Call
    ) -> pb.ListHighRiskClientsResponse:
        where, size = wire.from_list_high_risk_clients(request), page_size(request.page_size)
        after = wire.from_cursor(self._parts.tokens.open(call, request, request.page_token))
        page = await usecases.list_high_risk_clients(
            self._parts.database, call.identity, where, after=after, size=size
        )
        response, last = wire.to_list_high_risk_clients(page)
        if last is not None:
            response.next_page_token = self._parts.tokens.seal(call, request, last)
        return response

    async def ListUpsellCandidates(
        self, request: pb.ListUpsellCandidatesRequest, call: Call
    ) -> pb.ListUpsellCandidatesResponse:
        owner, size = request.owner, page_size(request.page_size)
        after = wire.from_cursor(self._parts.tokens.open(call, request, request.page_token))
        page = await usecases.list_upsell_candidates(
            self._parts.database, call.identity, owner, after=after, size=size
        )
        response, last = wire.to_list_upsell_candidates(page)
        if last is not None:
            response.next_page_token = self._parts.tokens.seal(call, request, last)
        return response

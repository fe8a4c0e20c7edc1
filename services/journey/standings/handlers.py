"""ListHighRiskClients and ListUpsellCandidates."""

from __future__ import annotations

from footfall.journey.v1 import clients_pb2 as pb
from services.journey.parts import Parts
from services.journey.standings import usecases, wire
from services.journey.standings.rules import Where
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class StandingHandlers:
    """The RPCs that list by state."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ListHighRiskClients(
        self, request: pb.ListHighRiskClientsRequest, call: Call
    ) -> pb.ListHighRiskClientsResponse:
        where = wire.from_list_high_risk_clients(request)
        shown, token = await self._standings_page(request, call, where)
        return pb.ListHighRiskClientsResponse(clients=shown, next_page_token=token)

    async def ListUpsellCandidates(
        self, request: pb.ListUpsellCandidatesRequest, call: Call
    ) -> pb.ListUpsellCandidatesResponse:
        where = wire.from_list_upsell_candidates(request)
        shown, token = await self._standings_page(request, call, where)
        return pb.ListUpsellCandidatesResponse(clients=shown, next_page_token=token)

    async def _standings_page(
        self, request: wire.ListRequest, call: Call, where: Where
    ) -> tuple[list[pb.ClientStanding], str]:
        tokens, size = self._parts.tokens, page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await usecases.list_clients_by_risk(
            self._parts.database, call.identity, where, after=after, size=size
        )
        shown, last = wire.to_page(page)
        return shown, tokens.seal(call, request, last) if last is not None else ""

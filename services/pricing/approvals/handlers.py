"""The RPCs of approvals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from footfall.pricing.v1 import approval_pb2 as pb
from footfall.pricing.v1 import decision_pb2
from services.pricing.approvals import usecases, wire
from services.pricing.approvals.rules.approval import Approval, Decision  # house: in signatures
from services.pricing.parts import Parts
from shared.database import RawConnection
from shared.errors import FootfallError
from shared.following import Resumption
from shared.idempotency import answer_once_in_pipeline as answer_once
from shared.identity.identity import Identity
from shared.rpc.call import Call
from shared.rpc.page_token import page_size

Answer = TypeVar(
    "Answer",
    decision_pb2.RejectPriceChangeResponse,
    decision_pb2.RequestChangesResponse,
    decision_pb2.WithdrawApprovalResponse,
)

Agreed = decision_pb2.ApprovePriceChangeResponse

Act = Callable[[RawConnection, Identity, Decision], Awaitable[Approval | FootfallError]]
"""A use case that decides or takes back."""


class ApprovalHandlers:
    """The RPCs on requests for a price."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._approvals = Resumption(parts.database, usecases.CHANGES, parts.tokens)

    @usecases.while_prices_move
    async def RequestApproval(
        self, request: pb.RequestApprovalRequest, call: Call
    ) -> pb.RequestApprovalResponse:
        caller, answer = call.identity, pb.RequestApprovalResponse
        wanted = wire.from_request_approval(request)
        weighed = await usecases.weigh(self._parts, caller, wanted)

        async def act(raw: RawConnection) -> pb.RequestApprovalResponse:
            made = await usecases.request_approval(raw, caller, wanted, weighed)
            return answer(approval=wire.to_approval(made, caller.org_id))

        return await answer_once(self._parts.database, call, request, answer, act)

    async def ReviseApproval(
        self, request: pb.ReviseApprovalRequest, call: Call
    ) -> pb.ReviseApprovalResponse:
        caller, answer, database = call.identity, pb.ReviseApprovalResponse, self._parts.database
        revision = wire.from_revise_approval(request)
        weighed = await usecases.weigh_revision(self._parts, caller, revision)

        async def act(raw: RawConnection) -> pb.ReviseApprovalResponse | FootfallError:
            made = await usecases.revise_approval(raw, caller, revision, weighed)
            return wire.to_answer(answer, made, caller.org_id)

        return await answer_once(database, call, request, answer, act, line=revision.line)

    async def GetApproval(
        self, request: pb.GetApprovalRequest, call: Call
    ) -> pb.GetApprovalResponse:
        caller, approval_id = call.identity, UUID(request.approval_id)
        found = await usecases.get_approval(self._parts.database, caller, approval_id)
        return wire.to_get_approval(found, caller.org_id)

    async def ListApprovals(
        self, request: pb.ListApprovalsRequest, call: Call
    ) -> pb.ListApprovalsResponse:
        caller, tokens, database = call.identity, self._parts.tokens, self._parts.database
        where, size = wire.from_list_approvals(request), page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await usecases.list_approvals(database, caller, where, after=after, size=size)
        response, last = wire.to_list_approvals(page, caller.org_id)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

    async def WatchApprovals(
        self, request: pb.WatchApprovalsRequest, call: Call
    ) -> AsyncIterator[pb.WatchApprovalsResponse]:
        start = await self._approvals.start(call, request, request.resume_token)
        caller, tier_id, database = call.identity, request.tier_id, self._parts.database
        stopping = call.server_stopping
        async for piece in usecases.watch_approvals(database, caller, tier_id, start, stopping):
            for shown, after in wire.to_messages(piece, caller.org_id):
                token = self._approvals.token(call, request, after, piece.logged_at)
                yield pb.WatchApprovalsResponse(approvals=shown, resume_token=token)

    async def ApprovePriceChange(
        self, request: decision_pb2.ApprovePriceChangeRequest, call: Call
    ) -> Agreed:
        caller, said = call.identity, wire.from_decision(request)
        database, line = self._parts.database, said.line

        async def act(raw: RawConnection) -> Agreed | FootfallError:
            stands = await usecases.approve_price_change(raw, caller, said)
            return wire.to_approve_price_change(stands, caller.org_id)

        return await answer_once(database, call, request, Agreed, act, line=line)

    async def RejectPriceChange(
        self, request: decision_pb2.RejectPriceChangeRequest, call: Call
    ) -> decision_pb2.RejectPriceChangeResponse:
        answer, act = decision_pb2.RejectPriceChangeResponse, usecases.reject_price_change
        return await self._act(call, request, answer, act, wire.from_decision(request))

    async def RequestChanges(
        self, request: decision_pb2.RequestChangesRequest, call: Call
    ) -> decision_pb2.RequestChangesResponse:
        answer, act = decision_pb2.RequestChangesResponse, usecases.request_changes
        return await self._act(call, request, answer, act, wire.from_decision(request))

    async def WithdrawApproval(
        self, request: decision_pb2.WithdrawApprovalRequest, call: Call
    ) -> decision_pb2.WithdrawApprovalResponse:
        answer, act = decision_pb2.WithdrawApprovalResponse, usecases.withdraw_approval
        return await self._act(call, request, answer, act, wire.from_withdraw_approval(request))

    async def _act(
        self, call: Call, request: wire.Spoken, answer: type[Answer], act: Act, said: Decision
    ) -> Answer:
        async def acted(raw: RawConnection) -> Answer | FootfallError:
            stands = await act(raw, call.identity, said)
            return wire.to_answer(answer, stands, call.identity.org_id)

        database, line = self._parts.database, said.line
        return await answer_once(database, call, request, answer, acted, line=line)

"""ListPriceChanges, CancelPriceChange, RollBackPriceChange and RecordNoticeDelivered."""

from __future__ import annotations

from uuid import UUID

from footfall.pricing.v1 import decision_pb2 as pb
from services.pricing.approvals.usecases import while_prices_move
from services.pricing.approvals.wire import to_approval
from services.pricing.changes import wire
from services.pricing.changes.usecases import calling
from services.pricing.parts import Parts
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class ChangeHandlers:
    """The RPCs of the area."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ListPriceChanges(
        self, request: pb.ListPriceChangesRequest, call: Call
    ) -> pb.ListPriceChangesResponse:
        caller, tokens, database = call.identity, self._parts.tokens, self._parts.database
        where, size = wire.from_list_price_changes(request), page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await calling.list_price_changes(database, caller, where, after=after, size=size)
        response, last = wire.to_list_price_changes(page, caller.org_id)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

    async def CancelPriceChange(
        self, request: pb.CancelPriceChangeRequest, call: Call
    ) -> pb.CancelPriceChangeResponse:
        caller, answer = call.identity, pb.CancelPriceChangeResponse
        asked, line = wire.from_cancel_price_change(request), (request.price_change_id,)

        async def act(transaction: Transaction) -> pb.CancelPriceChangeResponse:
            change = await calling.cancel_price_change(transaction.raw, caller, asked)
            return answer(price_change=wire.to_price_change(change, caller.org_id))

        return await answer_once(self._parts.database, call, request, answer, act, line=line)

    @while_prices_move
    async def RollBackPriceChange(
        self, request: pb.RollBackPriceChangeRequest, call: Call
    ) -> pb.RollBackPriceChangeResponse:
        caller, parts, answer = call.identity, self._parts, pb.RollBackPriceChangeResponse
        change_id = UUID(request.price_change_id)
        asked = await calling.plan_roll_back(parts, caller, change_id, request.reason)

        async def act(transaction: Transaction) -> pb.RollBackPriceChangeResponse:
            made = await calling.roll_back_price_change(transaction.raw, caller, asked)
            return answer(approval=to_approval(made, caller.org_id))

        return await answer_once(parts.database, call, request, answer, act)

    async def RecordNoticeDelivered(
        self, request: pb.RecordNoticeDeliveredRequest, call: Call
    ) -> pb.RecordNoticeDeliveredResponse:
        caller, answer = call.identity, pb.RecordNoticeDeliveredResponse
        line = (request.price_change_id,)
        told = wire.from_record_notice_delivered(request)

        async def act(transaction: Transaction) -> pb.RecordNoticeDeliveredResponse:
            notice = await calling.record_notice_delivered(transaction.raw, caller, told)
            return wire.to_notice(notice)

        return await answer_once(self._parts.database, call, request, answer, act, line=line)

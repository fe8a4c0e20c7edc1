"""RecordCustomerAction and ListCustomerActions."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.insights.v1 import profile_requests_pb2 as pb
from services.insight.customer_actions import usecases, wire
from shared.database import Database
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size


class CustomerActionHandlers:
    """The RPCs on actions away from the product."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def RecordCustomerAction(
        self, request: pb.RecordCustomerActionRequest, call: Call
    ) -> pb.RecordCustomerActionResponse:
        action = wire.from_action(request.action, call.identity, datetime.now(UTC))
        kept = await usecases.record_customer_action(self._database, call.identity, action)
        return pb.RecordCustomerActionResponse(action=wire.to_action(kept))

    async def ListCustomerActions(
        self, request: pb.ListCustomerActionsRequest, call: Call
    ) -> pb.ListCustomerActionsResponse:
        where, size = wire.from_list_customer_actions(request), page_size(request.page_size)
        before = wire.from_cursor(self._tokens.open(call, request, request.page_token))
        page = await usecases.list_customer_actions(
            self._database, call.identity, where, before=before, size=size
        )
        response, last = wire.to_list_customer_actions(page)
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response

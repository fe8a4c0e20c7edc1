"""UpsertClient, GetClient, ListClients and DeleteClient."""

from __future__ import annotations

from footfall.journey.v1 import clients_pb2 as pb
from services.journey.clients import usecases, wire
from services.journey.parts import Parts
from shared.database import Transaction
from shared.idempotency import answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import page_size


class ClientHandlers:
    """The RPCs on clients."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def UpsertClient(
        self, request: pb.UpsertClientRequest, call: Call
    ) -> pb.UpsertClientResponse:
        caller, answer = call.identity, pb.UpsertClientResponse
        wanted = wire.from_client(request.client)
        line = (wanted.client_id,)

        async def act(transaction: Transaction) -> pb.UpsertClientResponse:
            client, created = await usecases.upsert_client(transaction, caller, wanted)
            return answer(client=wire.to_client(client, caller.org_id), created=created)

        return await answer_once(self._parts.database, call, request, answer, act, line=line)

    async def GetClient(self, request: pb.GetClientRequest, call: Call) -> pb.GetClientResponse:
        caller = call.identity
        found = await usecases.get_client(self._parts.database, caller, request.client_id)
        return wire.to_get_client(*found, caller.org_id)

    async def ListClients(
        self, request: pb.ListClientsRequest, call: Call
    ) -> pb.ListClientsResponse:
        caller, tokens, database = call.identity, self._parts.tokens, self._parts.database
        where, size = wire.from_list_clients(request), page_size(request.page_size)
        after = wire.from_cursor(tokens.open(call, request, request.page_token))
        page = await usecases.list_clients(database, caller, where, after=after, size=size)
        response, last = wire.to_list_clients(page, caller.org_id)
        if last is not None:
            response.next_page_token = tokens.seal(call, request, last)
        return response

    async def DeleteClient(
        self, request: pb.DeleteClientRequest, call: Call
    ) -> pb.DeleteClientResponse:
        caller, answer, database = call.identity, pb.DeleteClientResponse, self._parts.database
        line = (request.client_id,)

        async def act(transaction: Transaction) -> pb.DeleteClientResponse:
            etag, client_id = request.etag, request.client_id
            deleted = await usecases.delete_client(transaction, caller, client_id, etag)
            return answer(deleted_events=deleted)

        return await answer_once(database, call, request, answer, act, recorded=True, line=line)

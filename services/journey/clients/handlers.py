"""UpsertClient, GetClient, ListClients and DeleteClient."""

from __future__ import annotations

from footfall.journey.v1 import clients_pb2 as pb
from services.journey.parts import Parts
from shared.rpc.call import Call


class ClientHandlers:
    """The RPCs on clients."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def UpsertClient(
        self, request: pb.UpsertClientRequest, call: Call
    ) -> pb.UpsertClientResponse:
        raise NotImplementedError

    async def GetClient(self, request: pb.GetClientRequest, call: Call) -> pb.GetClientResponse:
        raise NotImplementedError

    async def ListClients(
        self, request: pb.ListClientsRequest, call: Call
    ) -> pb.ListClientsResponse:
        raise NotImplementedError

    async def DeleteClient(
        self, request: pb.DeleteClientRequest, call: Call
    ) -> pb.DeleteClientResponse:
        raise NotImplementedError

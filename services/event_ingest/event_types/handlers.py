"""EventTypeService: the organisation's registry of event types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from footfall.events.v1 import event_types_pb2 as pb
from services.event_ingest.directory import Directory
from services.event_ingest.event_types import usecases, wire
from shared.database import Database, Transaction
from shared.idempotency import Repeatable, answer_once
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size

Answer = TypeVar(
    "Answer",
    pb.CreateEventTypeResponse,
    pb.UpdateEventTypeResponse,
    pb.DeprecateEventTypeResponse,
)

Act = Callable[[Transaction], Awaitable[Any]]
"""A use case, ready to work in a transaction; what it returns is an event type."""


class EventTypeHandlers:
    """The RPCs on event types."""

    def __init__(self, database: Database, directory: Directory, tokens: PageTokens) -> None:
        self._database = database
        self._directory = directory
        self._tokens = tokens

    async def CreateEventType(
        self, request: pb.CreateEventTypeRequest, call: Call
    ) -> pb.CreateEventTypeResponse:
        definition = wire.from_new(request.event_type)
        act = partial(usecases.create_event_type, caller=call.identity, definition=definition)
        return await self._change(call, request, pb.CreateEventTypeResponse, act)

    async def GetEventType(
        self, request: pb.GetEventTypeRequest, call: Call
    ) -> pb.GetEventTypeResponse:
        found = await usecases.get_event_type(self._database, call.identity, request.name)
        return pb.GetEventTypeResponse(event_type=wire.to_event_type(found))

    async def ListEventTypes(
        self, request: pb.ListEventTypesRequest, call: Call
    ) -> pb.ListEventTypesResponse:
        (after,) = self._tokens.open(call, request, request.page_token) or ("",)
        size = page_size(request.page_size)
        types, more = await usecases.list_event_types(
            self._database, call.identity, after=after, size=size
        )
        token = self._tokens.seal(call, request, (types[-1].name,)) if more else ""
        shown = map(wire.to_event_type, types)
        return pb.ListEventTypesResponse(event_types=shown, next_page_token=token)

    async def UpdateEventType(
        self, request: pb.UpdateEventTypeRequest, call: Call
    ) -> pb.UpdateEventTypeResponse:
        wanted = wire.from_changed(request.event_type)
        act = partial(usecases.update_event_type, caller=call.identity, wanted=wanted)
        return await self._change(call, request, pb.UpdateEventTypeResponse, act)

    async def DeprecateEventType(
        self, request: pb.DeprecateEventTypeRequest, call: Call
    ) -> pb.DeprecateEventTypeResponse:
        wanted = wire.from_deprecation(request)
        act = partial(usecases.deprecate_event_type, caller=call.identity, wanted=wanted)
        return await self._change(call, request, pb.DeprecateEventTypeResponse, act)

    async def _change(
        self, call: Call, request: Repeatable, answer: type[Answer], act: Act
    ) -> Answer:
        async def answered(transaction: Transaction) -> Answer:
            return answer(event_type=wire.to_event_type(await act(transaction)))

        response = await answer_once(self._database, call, request, answer, answered)
        self._directory.forget(call.identity.org_id)
        return response

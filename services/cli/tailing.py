"""The tail of committed events, event by event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import grpc

from footfall.events.v1.event_ingest_pb2 import StoredEvent, TailEventsRequest, TailEventsResponse
from footfall.events.v1.event_ingest_pb2_grpc import EventIngestServiceStub
from services.cli.calling import Caller
from services.cli.following import Following


class Tail:
    """What is followed, and how far it was."""

    def __init__(
        self, caller: Caller, user_id: str = "", types: Sequence[str] = (), token: str = ""
    ) -> None:
        self._caller, self._user_id, self._types = caller, user_id, types
        self._following: Following[TailEventsResponse] = Following(
            "the tail", caller, self._stream, token
        )

    @property
    def token(self) -> str:
        """To go on after the last event that was taken."""
        return self._following.token

    async def events(self, notice: Callable[[str], None]) -> AsyncIterator[StoredEvent]:
        """Every event from now on, or from the token on. Raises CallRefused."""
        async for message in self._following.messages(notice):
            for event in message.events:
                yield event

    def _stream(
        self, channel: grpc.aio.Channel, token: str
    ) -> grpc.aio.UnaryStreamCall[TailEventsRequest, TailEventsResponse]:
        request = TailEventsRequest(user_id=self._user_id, types=self._types, resume_token=token)
        stub = EventIngestServiceStub(channel)
        return stub.TailEvents(request, metadata=self._caller.metadata)

"""Following the tail of committed events: one stream after another, as if it were one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import grpc

from footfall.events.v1.event_ingest_pb2 import StoredEvent, TailEventsRequest, TailEventsResponse
from footfall.events.v1.event_ingest_pb2_grpc import EventIngestServiceStub
from footfall_client.retry import Backoff, failure_of
from services.cli.calling import Caller, refusal

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_PASSING = frozenset({"UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"})


@dataclass
class Tail:
    """What is followed, and how far it was: the token leaves no gap and repeats nothing."""

    caller: Caller
    user_id: str = ""
    types: Sequence[str] = ()
    token: str = ""

    async def events(self, notice: Callable[[str], None]) -> AsyncIterator[StoredEvent]:
        """Every event from now on, or from the token on; through restarts and the ends of streams.

        Raises CallRefused when trying again would not help: the credential, the filter, the token,
        or an address where nobody answered even once.
        """
        backoff, failures, answered = (
            Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS),
            0,
            False,
        )
        async with self.caller.channel() as channel:
            while True:
                try:
                    async for message in self._stream(channel):
                        failures, answered = 0, True
                        for event in message.events:
                            yield event
                        self.token = message.resume_token
                except grpc.aio.AioRpcError as error:
                    failure = failure_of(error)
                    if failure.code not in _PASSING or not answered:
                        raise refusal(failure, self.caller.address) from None
                    if failure.reason != "STREAM_LIFE_ENDED":
                        failures += 1
                    if failures == 1:
                        notice(f"the tail broke off ({failure}); going on as soon as it can")
                await asyncio.sleep(backoff.delay(failures, 0.0) if failures else 0.0)

    def _stream(
        self, channel: grpc.aio.Channel
    ) -> grpc.aio.UnaryStreamCall[TailEventsRequest, TailEventsResponse]:
        request = TailEventsRequest(user_id=self.user_id, types=self.types, resume_token=self.token)
        stub = EventIngestServiceStub(channel)
        return stub.TailEvents(request, metadata=self.caller.metadata)

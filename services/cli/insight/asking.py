"""Asking insight, one connection per command."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from footfall.insights.v1.insight_service_pb2_grpc import InsightServiceStub
from services.cli import options
from services.cli.calling import Caller, calls_to, explained


@dataclass(frozen=True, slots=True)
class Insight:
    """The service, as somebody with a key."""

    caller: Caller
    stub: InsightServiceStub

    async def ask(self, method: str, request: Message) -> Any:
        """Call a method that gives one answer."""
        return await getattr(self.stub, method)(request, metadata=self.caller.metadata)

    def follow(self, method: str, request: Message) -> Any:
        """Call a method that streams."""
        return getattr(self.stub, method)(request, metadata=self.caller.metadata)


@asynccontextmanager
async def insight_of(caller: Caller) -> AsyncIterator[Insight]:
    """Connected; a call that fails is said in words."""
    async with caller.channel() as channel:
        try:
            yield Insight(caller, InsightServiceStub(channel))
        except grpc.aio.AioRpcError as error:
            raise explained(error, caller.address) from None


def asks(act: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    """A command that calls insight: gets `insight`, and the options that say where and as whom."""

    @options.as_json
    @calls_to("insight")
    @functools.wraps(act)
    def command(*, caller: Callable[[], Caller], **given: Any) -> None:
        async def run() -> None:
            async with insight_of(caller()) as insight:
                await act(insight, **given)

        asyncio.run(run())

    return command

"""Asking a service, one connection per command."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from services.cli import options
from services.cli.calling import Caller, calls_to, explained

MakeStub = Callable[[grpc.aio.Channel], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A service, as somebody with a key."""

    caller: Caller
    stub: Any

    async def ask(self, method: str, request: Message) -> Any:
        """Call a method that gives one answer."""
        return await getattr(self.stub, method)(request, metadata=self.caller.metadata)

    def follow(self, method: str, request: Message) -> Any:
        """Call a method that streams."""
        return getattr(self.stub, method)(request, metadata=self.caller.metadata)


@asynccontextmanager
async def asked(caller: Caller, make_stub: MakeStub) -> AsyncIterator[Asked]:
    """Connected; a call that fails is said in words."""
    async with caller.channel() as channel:
        try:
            yield Asked(caller, make_stub(channel))
        except grpc.aio.AioRpcError as error:
            raise explained(error, caller.address) from None


def asking(
    service: str, make_stub: MakeStub, act: Callable[..., Awaitable[None]]
) -> Callable[..., Any]:
    """A command that calls the service: gets it first, and the options of where and as whom."""

    @options.as_json
    @calls_to(service)
    @functools.wraps(act)
    def command(*, caller: Callable[[], Caller], **given: Any) -> None:
        async def run() -> None:
            async with asked(caller(), make_stub) as connected:
                await act(connected, **given)

        asyncio.run(run())

    return command

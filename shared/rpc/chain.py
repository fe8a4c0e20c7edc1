"""Composing: a list of concerns and a handler become the one function that grpc calls.

grpc's own interceptors cost as much as the call itself when four of them nest. A concern here is up
to three plain functions; they are gathered once per method at start-up, and awaited only where they
have something to wait for. Bytes go in and bytes come out: decoding is a concern like the others,
so that grpc never meets an exception whose text it would send to the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Never

import grpc
from grpc import aio

from shared.rpc.call import Call, current_call
from shared.rpc.interceptors.errors import failure_from
from shared.rpc.methods import Method
from shared.rpc.status import Failure

Enter = Callable[[Call], Awaitable[None] | None]
Receive = Callable[[Call, Any], Any]
Leave = Callable[[Call, Failure | None], None]
Context = aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that calls go through.

    `enter` runs once before the handler; what it returns is awaited unless it is None. `receive`
    runs on each request message. `leave` runs once at the end, in reverse order, if `enter` passed.
    """

    enter: Enter | None = None
    receive: Receive | None = None
    leave: Leave | None = None


ConcernFor = Callable[[Method], Concern | None]
"""Makes a concern for one method, or None when the method has no need of it."""


class Chain:
    """What every call goes through, in this order."""

    def __init__(self, concerns: Sequence[ConcernFor], stopping: asyncio.Event) -> None:
        self._concerns = concerns
        self._stopping = stopping

    def compose(self, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        """The method as grpc wants it, with everything before and after the handler built in."""
        concerns = [made for make in self._concerns if (made := make(method))]
        run = _Run(method, concerns, self._stopping)
        if method.streams_in and method.streams_out:
            return grpc.stream_stream_rpc_method_handler(run.streaming)
        if method.streams_out:
            return grpc.unary_stream_rpc_method_handler(run.streaming)
        return grpc.unary_unary_rpc_method_handler(run.unary)


class _Run:
    """One method's way in and out."""

    def __init__(
        self, method: Method, concerns: Sequence[Concern], stopping: asyncio.Event
    ) -> None:
        self._method = method
        self._stopping = stopping
        self._handler = method.handler
        self._enters = tuple(one.enter for one in concerns if one.enter)
        self._receives = tuple(one.receive for one in concerns if one.receive)
        leaves: list[tuple[int, Leave]] = []
        entered = 0
        for one in concerns:
            entered += one.enter is not None
            if one.leave is not None:
                leaves.insert(0, (entered, one.leave))
        self._leaves = tuple(leaves)

    # The hot path: both methods say in their own words "enter, receive, handle, leave", because a
    # coroutine that they shared would cost each call a tenth more.

    async def unary(self, raw: bytes, context: Context) -> bytes:
        call, depth, failure = self._call(context), 0, None
        try:
            for enter in self._enters:
                if (waiting := enter(call)) is not None:
                    await waiting
                depth += 1
            request: Any = raw
            for receive in self._receives:
                request = receive(call, request)
            response = await self._handler(request, call)
            serialized: bytes = response.SerializeToString()
            return serialized
        except BaseException as error:  # noqa: BLE001 - failure_from raises again what is no failure
            failure = failure_from(call, error)
        finally:
            self._leave(call, depth, failure)
        raw = request = b""  # grpc keeps this frame in a cycle, with the traceback of the abort
        return await self._abort(call, failure)

    async def streaming(self, raw: bytes | object, context: Context) -> None:
        call, depth, failure = self._call(context), 0, None
        try:
            for enter in self._enters:
                if (waiting := enter(call)) is not None:
                    await waiting
                depth += 1
            request: Any = self._requests(call) if self._method.streams_in else raw
            if not self._method.streams_in:
                for receive in self._receives:
                    request = receive(call, request)
            async with aclosing(self._handler(request, call)) as responses:
                async for response in responses:
                    await context.write(response.SerializeToString())
            return
        except BaseException as error:  # noqa: BLE001 - as above
            failure = failure_from(call, error)
        finally:
            self._leave(call, depth, failure)
        raw = request = b""  # as above
        await self._abort(call, failure)

    def _call(self, context: Context) -> Call:
        task = asyncio.current_task()
        assert task is not None
        metadata = _by_name(context.invocation_metadata())
        call = Call(self._method, context, self._stopping, metadata, task)
        current_call.set(call)
        return call

    async def _requests(self, call: Call) -> AsyncIterator[Any]:
        read = call.context.read
        while (message := await read()) is not aio.EOF:
            for receive in self._receives:
                message = receive(call, message)
            yield message

    def _leave(self, call: Call, depth: int, failure: Failure | None) -> None:
        for entered, leave in self._leaves:
            if depth >= entered:
                leave(call, failure)

    async def _abort(self, call: Call, failure: Failure | None) -> Never:
        assert failure is not None
        if failure.silent:
            raise asyncio.CancelledError
        await call.context.abort(failure.code, failure.message, failure.trailers(call.request_id))


def _by_name(pairs: Any) -> dict[str, str | bytes]:
    """The metadata by name. Of two credentials neither counts: proxies disagree on which it is."""
    metadata: dict[str, str | bytes] = dict(pairs)
    if len(metadata) != len(pairs) and [name for name, _ in pairs].count("authorization") > 1:
        del metadata["authorization"]
    return metadata

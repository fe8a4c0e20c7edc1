"""Acknowledging a stream: several requests in hand at once, answered in order, ended in order.

The bound is the back-pressure: while eight requests are in hand nothing more is read, and the flow
control of gRPC holds the sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from shared.errors import StreamLifeEnded

WINDOW = 8
_CLOSING_SECONDS = 5.0

Request = TypeVar("Request")
Response = TypeVar("Response")


class Ending(Protocol):
    """When a stream has to end: a Call is one."""

    server_stopping: asyncio.Event

    def remaining(self) -> float | None:
        """Seconds that are left to live, None for no bound."""
        ...


async def acknowledged(
    requests: AsyncIterator[Request],
    store: Callable[[Request], Awaitable[Response]],
    ending: Ending,
) -> AsyncIterator[Response]:
    """The answers to the requests, in order, each after its `store` returned.

    Raises StreamLifeEnded, after everything that was read is answered, when the stream's time is
    over or the service stops.
    """
    in_hand: asyncio.Queue[asyncio.Future[Response] | None] = asyncio.Queue(WINDOW - 1)
    ended_by_us = asyncio.Event()

    async def read() -> None:
        try:
            async for request in _until_the_end(requests, ending, ended_by_us):
                await in_hand.put(asyncio.ensure_future(store(request)))
        finally:
            await in_hand.put(None)

    reading = asyncio.create_task(read())
    try:
        while (storing := await in_hand.get()) is not None:
            yield await storing
        await reading
    finally:
        reading.cancel()
        while not in_hand.empty():
            if (left := in_hand.get_nowait()) is not None:
                left.cancel()
    if ended_by_us.is_set():
        raise StreamLifeEnded


async def _until_the_end(
    requests: AsyncIterator[Request], ending: Ending, ended_by_us: asyncio.Event
) -> AsyncIterator[Request]:
    stopping = asyncio.ensure_future(ending.server_stopping.wait())
    try:
        while True:
            reading = asyncio.ensure_future(anext(requests))
            remaining = ending.remaining()
            timeout = None if remaining is None else max(0.0, remaining - _CLOSING_SECONDS)
            await asyncio.wait(
                (reading, stopping), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if not reading.done():
                reading.cancel()
                ended_by_us.set()
                return
            try:
                yield reading.result()
            except StopAsyncIteration:
                return
    finally:
        stopping.cancel()

"""Acknowledging a stream: several requests in hand at once, answered in order, ended in order.

The bound is the back-pressure: while eight requests are in hand nothing more is read, and the flow
control of gRPC holds the sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

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
    unanswered: set[asyncio.Future[Response]] = set()
    ended_by_us = asyncio.Event()

    async def read() -> None:
        try:
            async with aclosing(_until_the_end(requests, ending, ended_by_us)) as coming:
                async for request in coming:
                    unanswered.add(storing := asyncio.ensure_future(store(request)))
                    await in_hand.put(storing)
        except Exception:
            await in_hand.put(None)
            raise
        await in_hand.put(None)  # not when cancelled: nobody takes from the queue any more

    reading = asyncio.create_task(read())
    try:
        while (storing := await in_hand.get()) is not None:
            answer = await storing
            unanswered.discard(storing)
            yield answer
        await reading
    finally:
        await _end(reading)  # first: it may begin to store one more
        await _end(*unanswered)
        unanswered.clear()  # their errors would hold this frame, and so the requests, in a cycle
        storing = None
        del reading
    if ended_by_us.is_set():
        raise StreamLifeEnded


async def _until_the_end(
    requests: AsyncIterator[Request], ending: Ending, ended_by_us: asyncio.Event
) -> AsyncGenerator[Request]:
    stopping = asyncio.ensure_future(ending.server_stopping.wait())
    reading = asyncio.ensure_future(anext(requests))
    try:
        while True:
            remaining = ending.remaining()
            timeout = None if remaining is None else max(0.0, remaining - _CLOSING_SECONDS)
            await asyncio.wait(
                (reading, stopping), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if not reading.done():
                ended_by_us.set()
                return
            try:
                yield reading.result()
            except StopAsyncIteration:
                return
            reading = asyncio.ensure_future(anext(requests))
    finally:
        await _end(stopping, reading)
        del reading  # as above


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel them and return when they have ended: none outlives its stream."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

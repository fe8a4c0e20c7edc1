"""A stream that ends, however it ends, leaves no task of its own behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from itertools import count

import pytest

from shared.errors import StreamLifeEnded
from shared.rpc.acknowledging import WINDOW, acknowledged


class Ending:
    """A stream that lives until somebody stops it."""

    def __init__(self) -> None:
        self.server_stopping = asyncio.Event()

    def remaining(self) -> float | None:
        return None


class Stores:
    """Stores that hang, and what became of each."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.full = asyncio.Event()

    async def store(self, _number: int) -> int:
        self.begun += 1
        if self.begun > WINDOW:  # one in the consumer's hand, the queue full, one waiting for it
            self.full.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # as a transaction that is rolled back
            self.ended += 1
        return 0


async def numbers() -> AsyncIterator[int]:
    for number in count():
        yield number


async def silent() -> AsyncIterator[int]:
    yield 1
    await asyncio.Event().wait()


async def drained(answers: AsyncIterator[object]) -> list[object]:
    return [answer async for answer in answers]


def within_twenty_seconds(scenario: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario

    asyncio.run(bounded())


def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_a_cancelled_stream_has_ended_all_that_it_began() -> None:
    """Also the store that waits for room in the full window, and the read behind it."""

    async def scenario() -> None:
        stores = Stores()
        stream = asyncio.create_task(drained(acknowledged(numbers(), stores.store, Ending())))
        await stores.full.wait()
        stream.cancel()
        with suppress(asyncio.CancelledError):
            await stream
        assert stores.ended == stores.begun == WINDOW + 1
        assert others() == set()

    within_twenty_seconds(scenario())


def test_a_store_that_fails_ends_the_stream_and_its_neighbours() -> None:
    async def scenario() -> None:
        stores = Stores()

        async def first_fails(number: int) -> int:
            if number == 0:
                await stores.full.wait()
                raise ValueError
            return await stores.store(number)

        stores.begun = 1  # the first one
        with pytest.raises(ValueError):  # noqa: PT011 - ours, and bare
            await drained(acknowledged(numbers(), first_fails, Ending()))
        assert stores.ended == stores.begun - 1
        assert others() == set()

    within_twenty_seconds(scenario())


def test_a_stream_that_is_asked_to_end_answers_what_it_read_and_leaves_no_read() -> None:
    async def scenario() -> None:
        ending, stored = Ending(), []

        async def store(number: int) -> None:
            stored.append(number)
            ending.server_stopping.set()

        with pytest.raises(StreamLifeEnded):
            await drained(acknowledged(silent(), store, ending))
        assert stored == [1]
        assert others() == set()

    within_twenty_seconds(scenario())


class Request:
    """One whose end can be seen."""


def test_a_stream_that_is_cancelled_before_its_first_request_ends_like_any_other() -> None:
    async def never() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 1

    async def scenario() -> None:
        stream = asyncio.create_task(drained(acknowledged(never(), Stores().store, Ending())))
        await asyncio.sleep(0)
        stream.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stream
        assert others() == set()

    within_twenty_seconds(scenario())


@pytest.mark.parametrize("fails", ["store", "read"])
def test_a_stream_that_fails_lets_go_of_its_requests(fails: str) -> None:
    """At once, not when cycles are collected: they may be large."""
    seen: list[weakref.ref[Request]] = []

    async def requests() -> AsyncIterator[Request]:
        request = Request()
        seen.append(weakref.ref(request))
        yield request
        if fails == "read":
            raise ValueError

    async def store(request: Request) -> Request:
        if fails == "store":
            raise ValueError(request)
        return request

    async def scenario() -> None:
        with suppress(ValueError):
            await drained(acknowledged(requests(), store, Ending()))
        await asyncio.sleep(0)
        assert [one() for one in seen] == [None]

    gc.disable()
    try:
        within_twenty_seconds(scenario())
    finally:
        gc.enable()

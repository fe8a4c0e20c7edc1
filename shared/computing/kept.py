"""Answers that are kept for a while: made once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The answers that were asked for last, at most so much, each for as long as it was given.

    `weigh` says how much an answer is; one that is more than all that may be kept stands alone.
    What fails is not kept, nor what is given for no time. An answer is made to its end even when
    nobody waits for it any more.
    """

    def __init__(
        self,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        weigh: Callable[[V], int] = lambda _: 1,
    ) -> None:
        self._most = most
        self._clock = clock
        self._weigh = weigh
        self._weight = 0
        self._answers: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._making: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, make: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        """The answer, which `make` gives unless it is there, and for how many seconds it holds."""
        if (found := self._answers.get(key)) is not None and found[1] > self._clock():
            self._answers.move_to_end(key)
            return found[0]
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, make))
            making.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(making)

    def forget(self, key: K) -> None:
        """Make it anew for who asks next."""
        if (gone := self._answers.pop(key, None)) is not None:
            self._weight -= self._weigh(gone[0])

    async def _make(self, key: K, make: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        try:
            answer, seconds = await make()
        finally:
            del self._making[key]
        self.forget(key)
        if seconds > 0:
            self._answers[key] = answer, self._clock() + seconds
            self._weight += self._weigh(answer)
        while self._weight > self._most and len(self._answers) > 1:
            self.forget(next(iter(self._answers)))
        return answer

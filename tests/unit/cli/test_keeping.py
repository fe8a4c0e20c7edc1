"""How fast what dies is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from services.cli import keeping
from services.cli.keeping import delay_seconds, keep


@dataclass
class Mayfly:
    """Ends with the codes given, then lives on."""

    codes: list[int]
    refusals: int = 0
    starts: list[float] = field(default_factory=list)

    async def wait(self) -> int:
        if not self.codes:
            await asyncio.Event().wait()
        return self.codes.pop(0)

    async def restart(self) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        if self.refusals:
            self.refusals -= 1
            raise OSError("no room")


def test_the_first_time_is_at_once_and_no_wait_is_longer_than_5_seconds() -> None:
    delays = [delay_seconds(failures) for failures in range(2000)]

    assert delays[:4] == [0.0, 0.25, 0.5, 1.0]
    assert delays == sorted(delays)
    assert delays[-1] == 5.0


async def test_each_death_is_told_with_its_manner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "delay_seconds", lambda _: 0.0)
    told: list[str] = []
    mayfly = Mayfly([-9, 3])

    await until(keep("tiny", mayfly, told.append), lambda: len(told) == 2)

    assert told == [
        "tiny ended (signal 9) and was started again",
        "tiny ended (exit code 3) and was started again",
    ]


async def test_a_start_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "delay_seconds", lambda _: 0.0)
    told: list[str] = []
    mayfly = Mayfly([-9, -9], refusals=1)

    await until(keep("tiny", mayfly, told.append), lambda: len(told) == 2)

    assert told[0] == "tiny did not come back: no room"
    assert len(mayfly.starts) == 2


async def test_a_death_after_ten_healthy_seconds_counts_as_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def delay(failures: int) -> float:
        asked.append(failures)
        return 0.0

    monkeypatch.setattr(keeping, "delay_seconds", delay)
    monkeypatch.setattr(keeping, "HEALTHY_AFTER_SECONDS", 0.0)
    told: list[str] = []

    await until(keep("tiny", Mayfly([1, 1, 1]), told.append), lambda: len(told) == 3)

    assert asked == [0, 0, 0]


async def until(kept: Coroutine[None, None, None], done: Callable[[], bool]) -> None:
    task = asyncio.create_task(kept)
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - the code under test has no event for it
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

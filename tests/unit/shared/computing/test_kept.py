"""Answers that are kept: made once for all, for a while, and not without end."""

from __future__ import annotations

import asyncio

import pytest

from shared.computing.kept import Kept


class Maker:
    """Counts how often an answer is made."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.made = 0
        self.seconds = seconds
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> tuple[int, float]:
        self.made += 1
        await self.gate.wait()
        return self.made, self.seconds


class Clock:
    """Stands until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_it_is_made_again_when_its_time_is_over() -> None:
    clock, make = Clock(), Maker(seconds=10)
    kept: Kept[str, int] = Kept(8, clock)
    assert [await kept.get("a", make), await kept.get("a", make)] == [1, 1]
    clock.now = 10.0
    assert await kept.get("a", make) == 2
    kept.forget("a")
    assert await kept.get("a", make) == 3


async def test_it_is_made_once_for_all_who_ask_meanwhile() -> None:
    make = Maker()
    make.gate.clear()
    kept: Kept[str, int] = Kept(8)
    asking = [asyncio.create_task(kept.get("a", make)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()  # who began it may leave
    make.gate.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert done[1:] == [1, 1, 1, 1]


async def test_what_fails_is_not_kept() -> None:
    async def fail() -> tuple[int, float]:
        await asyncio.sleep(0)
        raise ValueError("no luck")

    kept: Kept[str, int] = Kept(8)
    with pytest.raises(ValueError, match="no luck"):
        await kept.get("a", fail)
    assert await kept.get("a", Maker()) == 1


async def test_what_was_asked_for_longest_ago_goes_first() -> None:
    makes = {name: Maker() for name in "abc"}
    kept: Kept[str, int] = Kept(2)
    for name in ("a", "b", "a", "c", "a", "b"):
        await kept.get(name, makes[name])
    assert {name: make.made for name, make in makes.items()} == {"a": 1, "b": 2, "c": 1}


async def test_as_much_is_kept_as_it_weighs() -> None:
    """Whatever is too much for all of them stands alone, and is kept all the same."""
    made: list[str] = []
    kept: Kept[str, str] = Kept(10, weigh=len)

    async def ask(answer: str, seconds: float = 60.0) -> None:
        async def make() -> tuple[str, float]:
            made.append(answer)
            return answer, seconds

        assert await kept.get(answer[0], make) == answer

    for answer in ("aaaaa", "bbbbb", "aaaaa", "bbbbb"):
        await ask(answer)
    assert made == ["aaaaa", "bbbbb"]
    await ask("c" * 20)
    await ask("c" * 20)
    assert made[2:] == ["c" * 20]
    await ask("bbbbb")
    await ask("aaaaa")
    await ask("bbbbb")
    assert made[3:] == ["bbbbb", "aaaaa"], "what is gone weighs no more"


async def test_what_is_given_for_no_time_is_not_kept() -> None:
    make, kept = Maker(seconds=0.0), Kept[str, int](8)
    make.gate.clear()
    asking = [asyncio.create_task(kept.get("a", make)) for _ in range(2)]
    await asyncio.sleep(0)
    make.gate.set()
    assert await asyncio.gather(*asking) == [1, 1]
    assert await kept.get("a", make) == 2

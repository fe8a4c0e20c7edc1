"""Where work is done: at once while it is short, and beside the loop when it is long."""

from __future__ import annotations

import threading

import pytest

from shared.lengthy import MANY, worked_out


def here(one: int, other: int) -> tuple[int, bool]:
    return one + other, threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize(("size", "on_loop"), [(0, True), (MANY, True), (MANY + 1, False)])
async def test_only_what_is_long_is_done_in_a_thread(size: int, *, on_loop: bool) -> None:
    assert await worked_out(size, here, 1, 2) == (3, on_loop)


async def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ZeroDivisionError):
        await worked_out(MANY + 1, divmod, 1, 0)

"""Background work: it ends when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from shared.working import over_and_over


async def test_a_step_that_swallows_its_cancellation_is_the_last() -> None:
    """As a wait for a connection does that comes in the same moment."""
    begun, steps = asyncio.Event(), 0

    async def swallows_the_first() -> float:
        nonlocal steps
        steps += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if steps > 1:
                raise
        return 0.0

    working = asyncio.create_task(over_and_over(swallows_the_first))
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, 10)
    assert steps == 1

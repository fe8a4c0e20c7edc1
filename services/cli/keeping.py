"""Keeping something alive: what dies is started again, at once the first time, then more slowly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

LONGEST_DELAY_SECONDS = 5.0
HEALTHY_AFTER_SECONDS = 10.0
_FIRST_DELAY_SECONDS = 0.25


class Mortal(Protocol):
    """What may die and be started again in the same place."""

    async def wait(self) -> int: ...

    async def restart(self) -> None: ...


def delay_seconds(failures: int) -> float:
    """How long to wait after so many failures in a row: 0, 0.25, 0.5, … at most 5."""
    if failures == 0:
        return 0.0
    return float(min(LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 10)))


async def keep(name: str, mortal: Mortal, notice: Callable[[str], None]) -> None:
    """Start it again whenever it ends, until cancelled. It is alive when this is called."""
    failures, born = 0, time.monotonic()
    while True:
        code = await mortal.wait()
        if time.monotonic() - born >= HEALTHY_AFTER_SECONDS:
            failures = 0
        await asyncio.sleep(delay_seconds(failures))
        failures += 1
        born = time.monotonic()
        try:
            await mortal.restart()
        except Exception as error:  # noqa: BLE001 - nothing may end the keeping
            notice(f"{name} did not come back: {error}")
        else:
            notice(f"{name} ended ({_manner(code)}) and was started again")


def _manner(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"

"""Work that is short as a rule and sometimes long: then others are served meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

MANY = 1_000


async def worked_out(
    size: int, work: Callable[[*_Arguments], _Result], *arguments: *_Arguments
) -> _Result:
    """What pure work comes to; beyond MANY in a thread, which lets go every few milliseconds."""
    if size <= MANY:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)

"""Deadlines: every call has one, and at that moment its work stops.

grpc cancels the handler's task when the caller's own deadline passes or the caller goes away. What
comes without a deadline gets one here; a stream gets the time that streams may live.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from shared.errors import DeadlinePassed, FootfallError, StreamLifeEnded
from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method
    from shared.rpc.status import Failure

_MOST_SECONDS_LATE = 0.25


def deadline(unary_seconds: float, stream_seconds: float) -> ConcernFor:
    """Take over the caller's deadline, or give the call ours."""
    unary = _Patience(unary_seconds, DeadlinePassed)
    streams = _Patience(stream_seconds, StreamLifeEnded)

    def concern(method: Method) -> Concern:
        patience = streams if method.streaming else unary

        def enter(call: Call) -> None:
            left = cast("float | None", call.context.time_remaining())
            if left is None:
                patience.add(call)
            elif left <= 0:
                raise DeadlinePassed
            else:
                call.deadline = time.monotonic() + left

        def leave(call: Call, _: Failure | None) -> None:
            patience.drop(call)

        return Concern(enter=enter, leave=leave)

    return concern


class _Patience:
    """The calls without a deadline of their own, the oldest first since all may last equally long.

    One timer looks at the oldest now and then; a timer per call would cost more than all else here.
    """

    def __init__(self, seconds: float, expiry: type[FootfallError]) -> None:
        self._seconds = seconds
        self._expiry = expiry
        self._calls: dict[Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: Call) -> None:
        call.deadline = call.started + self._seconds
        self._calls[call] = None
        if self._timer is None:
            self._look_later()

    def drop(self, call: Call) -> None:
        self._calls.pop(call, None)

    def _look_later(self) -> None:
        later = min(_MOST_SECONDS_LATE, self._seconds / 4)
        self._timer = asyncio.get_running_loop().call_later(later, self._look)

    def _look(self) -> None:
        self._timer = None
        for call in list(self._calls):
            if call.remaining():
                break
            call.end(self._expiry())
        if self._calls:
            self._look_later()

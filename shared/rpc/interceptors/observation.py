"""Observation: each call gets an id and leaves behind a count, a duration, a line, a span.

The caller's `x-request-id` is kept when it is one, else we make one; either way it goes back in the
trailers, so that what the caller saw can be found in the log.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.rpc.chain import Concern, ConcernFor

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.rpc.methods import Method
    from shared.rpc.status import Failure
    from shared.telemetry.metrics import Metrics
    from shared.telemetry.traces import Traces

_LOG = logging.getLogger("footfall.calls")
_SANE = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_LINES_PER_SECOND = 100
_NOT_WORTH_A_LINE = frozenset({"CANCELLED", "INTERNAL"})  # nobody's fault; and logged already


def request_ids() -> ConcernFor:
    """Give each call an id and return it in the trailers."""
    prefix, numbers = secrets.token_hex(6), itertools.count()

    def enter(call: Call) -> None:
        sent = call.text("x-request-id")
        if sent is not None and _SANE.fullmatch(sent):
            call.request_id = sent
        else:
            call.request_id = f"{prefix}-{next(numbers):x}"
        call.context.set_trailing_metadata((("x-request-id", call.request_id),))

    return lambda _: Concern(enter=enter)


def counting(metrics: Metrics) -> ConcernFor:
    """Count calls by method and code, and how long they took."""

    def concern(method: Method) -> Concern:
        numbers = metrics.of_method(method.path)

        def enter(_: Call) -> None:
            numbers.in_flight += 1

        def leave(call: Call, failure: Failure | None) -> None:
            numbers.in_flight -= 1
            code = "OK" if failure is None else failure.code.name
            numbers.count(code, time.monotonic() - call.started)

        return Concern(enter=enter, leave=leave)

    return concern


def tracing(traces: Traces | None) -> ConcernFor:
    """Put a span around each call, if traces are wanted."""

    def concern(method: Method) -> Concern | None:
        if traces is None:
            return None
        name = method.path.removeprefix("/")

        def enter(call: Call) -> None:
            call.span = traces.open_span(name, call.metadata)

        def leave(call: Call, failure: Failure | None) -> None:
            code = "OK" if failure is None else failure.code.name
            traces.close_span(call.span, code, call.org)

        return Concern(enter=enter, leave=leave)

    return concern


def access_log(which: str) -> ConcernFor:
    """Write a line per call: of `errors` only, of `all`, or none (`off`)."""
    budget = _Budget()

    def leave(call: Call, failure: Failure | None) -> None:
        if failure is None:
            if which == "all":
                _LOG.info("call", extra=_facts(call, "OK", "", 0))
        elif which == "all" or (failure.reason not in _NOT_WORTH_A_LINE and budget.allows()):
            _LOG.info("call", extra=_facts(call, failure.code.name, failure.reason, budget.spent()))

    return lambda _: None if which == "off" else Concern(leave=leave)


def _facts(call: Call, code: str, reason: str, left_out: int) -> dict[str, object]:
    facts: dict[str, object] = {
        "code": code,
        "seconds": round(time.monotonic() - call.started, 6),
        "peer": call.peer,
    }
    if reason:
        facts["reason"] = reason
    if left_out:
        facts["lines_left_out"] = left_out
    return facts


@dataclass(slots=True)
class _Budget:
    """So many lines a second: a flood of refused calls must not become a flood of writing."""

    second: int = 0
    used: int = 0
    left_out: int = 0

    def allows(self) -> bool:
        second = int(time.monotonic())
        if second != self.second:
            self.second, self.used = second, 0
        self.used += 1
        if self.used > _LINES_PER_SECOND:
            self.left_out += 1
            return False
        return True

    def spent(self) -> int:
        left_out, self.left_out = self.left_out, 0
        return left_out

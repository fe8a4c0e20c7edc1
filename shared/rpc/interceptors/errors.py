"""Errors, the outermost concern: whatever ends a call becomes a failure that says no secret.

Domain errors go by the table, and so does what Postgres said, if it means one of them. A cancelled
task means that the caller is gone, unless we ended the call ourselves. All else is logged once with
its traceback, and the caller gets an id of that line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from grpc import StatusCode
from grpc.aio import AioRpcError

from shared.errors import DeadlinePassed, FootfallError, Overloaded
from shared.rpc import status
from shared.sqlstate import domain_error

if TYPE_CHECKING:
    from shared.rpc.call import Call

# A service that we call for this call: what keeps it from answering keeps us from answering.
_DOWNSTREAM: Mapping[StatusCode, type[FootfallError]] = {
    StatusCode.UNAVAILABLE: Overloaded,
    StatusCode.DEADLINE_EXCEEDED: DeadlinePassed,
}

_LOG = logging.getLogger("footfall.rpc")


def failure_from(call: Call, error: BaseException) -> status.Failure:
    """How the call ends; raises again what must reach the loop."""
    if isinstance(meant := domain_error(error) or error, FootfallError) and status.known(meant):
        return status.failure_of(meant)
    if isinstance(error, asyncio.CancelledError):
        return _cancelled(call)
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, AioRpcError) and (ours := _DOWNSTREAM.get(error.code())):
        return status.failure_of(ours())
    error_id = status.new_error_id()
    _LOG.error("call failed unexpectedly", exc_info=error, extra={"error_id": error_id})
    return status.internal_failure(error_id)


def _cancelled(call: Call) -> status.Failure:
    if call.ended_by is not None:
        call.task.uncancel()
        return status.failure_of(call.ended_by)
    return status.CALLER_OUT_OF_TIME if call.remaining() == 0 else status.CALLER_GONE

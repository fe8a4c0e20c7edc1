"""Which failures are worth another try, and when: the whole retry policy, without a clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

_STATUS_KEY = "grpc-status-details-bin"

# Safe to repeat, because the server knows an event by its id. CANCELLED is what a call leaves
# behind when the channel under it is closed or a server stops with it in hand: nobody here cancels
# a call and goes on to ask what became of it.
_PASSING = frozenset(
    (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    )
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A call without an answer."""

    code: str
    """The gRPC status, such as UNAVAILABLE."""
    reason: str
    """The ErrorReason of the server; empty when it gave none."""
    message: str
    retryable: bool
    retry_after: float = 0.0
    """The least time to wait, in seconds."""

    def __str__(self) -> str:
        return f"{self.code} ({self.reason})" if self.reason else self.code

    @classmethod
    def local(cls, error: BaseException) -> Failure:
        """The call could not be made for a reason on this side: no token, a closed channel."""
        return cls("UNKNOWN", type(error).__name__, "", retryable=True)


def failure_of(error: grpc.RpcError) -> Failure:
    """Read status, reason and RetryInfo out of the error of either kind of channel."""
    status = _status(error.trailing_metadata() or ())
    info, retry = ErrorInfo(), RetryInfo()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(retry)
    asked = retry.HasField("retry_delay")
    delay = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    code = error.code()
    return Failure(
        code=code.name,
        reason=info.reason,
        message=error.details() or "",
        retryable=code in _PASSING or (asked and code is grpc.StatusCode.RESOURCE_EXHAUSTED),
        retry_after=max(0.0, delay),
    )


def _status(metadata: Iterable[Any]) -> Status:
    for key, value in metadata:
        if key == _STATUS_KEY and isinstance(value, bytes):
            try:
                return Status.FromString(value)
            except DecodeError:
                break
    return Status()


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential with full jitter: clients that failed together do not come back together."""

    base: float
    cap: float
    random: Callable[[], float] = field(default=random.random)

    def delay(self, failures: int, retry_after: float) -> float:
        """Pause after so many failures in a row. What the server asks for comes first and whole."""
        ceiling = min(self.cap, self.base * 2.0 ** min(failures - 1, 32))
        return retry_after + self.random() * ceiling

"""Which failures pass, and for how long to wait."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from footfall_client.retry import Backoff, Failure, failure_of


class FailedCall(grpc.RpcError):
    """As a channel raises it."""

    def __init__(self, code: grpc.StatusCode, *details: Message, raw: bytes | None = None) -> None:
        status = Status()
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        self._code = code
        self._raw = status.SerializeToString() if raw is None else raw

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "what happened"

    def trailing_metadata(self) -> Any:
        return (("grpc-status-details-bin", self._raw),)


RETRY = RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))


@pytest.mark.parametrize(
    ("code", "details", "retryable"),
    [
        (grpc.StatusCode.UNAVAILABLE, (), True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, (), True),
        (grpc.StatusCode.CANCELLED, (), True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (RETRY,), True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (), False),
        (grpc.StatusCode.INVALID_ARGUMENT, (RETRY,), False),
        (grpc.StatusCode.UNAUTHENTICATED, (), False),
        (grpc.StatusCode.PERMISSION_DENIED, (), False),
        (grpc.StatusCode.INTERNAL, (), False),
        (grpc.StatusCode.UNIMPLEMENTED, (), False),
    ],
)
def test_only_what_passes_is_tried_again(
    code: grpc.StatusCode, details: tuple[Message, ...], *, retryable: bool
) -> None:
    assert failure_of(FailedCall(code, *details)).retryable is retryable


def test_reason_and_pause_of_the_server_are_read() -> None:
    error = FailedCall(grpc.StatusCode.UNAVAILABLE, ErrorInfo(reason="DATABASE_AWAY"), RETRY)
    assert failure_of(error) == Failure(
        "UNAVAILABLE", "DATABASE_AWAY", "what happened", retryable=True, retry_after=2.5
    )


def test_damaged_details_and_a_negative_pause_are_none() -> None:
    assert failure_of(FailedCall(grpc.StatusCode.UNAVAILABLE, raw=b"\xff")).retry_after == 0.0
    negative = RetryInfo(retry_delay=Duration(seconds=-5))
    assert failure_of(FailedCall(grpc.StatusCode.UNAVAILABLE, negative)).retry_after == 0.0


@given(st.integers(1, 10_000), st.floats(0, 100), st.floats(0, 1))
def test_a_pause_is_never_shorter_than_asked_nor_longer_than_the_cap_on_top(
    failures: int, asked: float, chance: float
) -> None:
    delay = Backoff(0.25, 30.0, random=lambda: chance).delay(failures, asked)
    assert asked <= delay <= asked + min(30.0, 0.25 * 2 ** min(failures - 1, 20))

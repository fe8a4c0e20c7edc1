"""What a server may answer to a batch, other than the truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from footfall.events.v1 import event_ingest_pb2 as pb
from tests.contract.client.ingest_server import Answer

T = TypeVar("T")


async def settled(outcome: Awaitable[T] | T) -> T:
    """The outcome of a method that blocks in one client and is awaited in the other."""
    return await outcome if isawaitable(outcome) else outcome


async def until(condition: Callable[[], object], patience: float = 10.0) -> None:
    """Wait for something that happens elsewhere."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - it happens in a thread of the server
            await asyncio.sleep(0.01)


def failing(code: grpc.StatusCode, reason: str = "", retry_after: float | None = None) -> Answer:
    """Refuse the call."""
    details = []
    if reason:
        details.append(any_pb2.Any())
        details[-1].Pack(ErrorInfo(reason=reason, domain="footfall"))
    if retry_after is not None:
        details.append(any_pb2.Any())
        details[-1].Pack(RetryInfo(retry_delay=Duration(nanos=int(retry_after * 1e9))))
    status = Status(code=code.value[0], message="refused", details=details)

    def answer(_: pb.IngestEventsRequest, context: grpc.ServicerContext) -> NoReturn:
        context.abort_with_status(rpc_status.to_status(status))

    return answer


def stalling(seconds: float) -> Answer:
    """Store the events, and answer too late."""

    def answer(_: pb.IngestEventsRequest, __: grpc.ServicerContext) -> None:
        time.sleep(seconds)

    return answer

"""Calls between services: what travels with them, and what is tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from grpc import StatusCode, aio

from footfall.events.v1 import event_ingest_pb2, event_ingest_pb2_grpc
from shared.clients import Caller
from shared.errors import Overloaded
from shared.settings import CallSettings
from tests.serving import ORG, Names, Running, Unused, credential, drained, refusal, serving

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LIST = event_ingest_pb2.ListEventsRequest()


class Callee(Unused):
    """Remembers the calls that reach it, and fails as often as it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.remaining: list[float | None] = []
        self.failures = 0
        self.failure: Exception = Overloaded()

    async def ListEvents(self, _request: Any, call: Any) -> Any:
        self._note(call)
        return event_ingest_pb2.ListEventsResponse()

    async def TailEvents(self, _request: Any, call: Any) -> AsyncIterator[Any]:
        self._note(call)
        yield event_ingest_pb2.TailEventsResponse()

    def _note(self, call: Any) -> None:
        self.calls.append(call)
        self.remaining.append(call.remaining())
        if self.failures > 0:
            self.failures -= 1
            raise self.failure


class Between(Unused):
    """A service that asks another one to answer."""

    def __init__(self) -> None:
        self.stub: Any = None
        self.before: Callable[[], Any] = lambda: None

    async def ListEvents(self, request: Any, _call: Any) -> Any:
        await asyncio.sleep(0.01)
        self.before()
        return await self.stub.ListEvents(request)

    async def TailEvents(self, request: Any, _call: Any) -> AsyncIterator[Any]:
        async for answer in self.stub.TailEvents(request):
            yield answer


@asynccontextmanager
async def two_services() -> AsyncIterator[tuple[Running, Between, Callee]]:
    callee, between = Callee(), Between()
    inner = Names(**{f"{ORG} olga": credential()})
    async with (
        serving(ingest=callee, authenticator=inner) as second,
        Caller(token=_token).channel(second.address) as channel,
        serving(ingest=between) as first,
    ):
        between.stub = event_ingest_pb2_grpc.EventIngestServiceStub(channel)
        yield first, between, callee


def _token(org: UUID, actor: str) -> str:
    return f"{org} {actor}"


async def test_deadline_request_id_trace_and_organisation_travel_with_a_call() -> None:
    metadata = (("x-request-id", "checkout-4711"), ("traceparent", TRACE))
    async with two_services() as (first, _, callee):
        await first.unary("ListEvents", metadata=metadata, timeout=2)
        await drained(first.stream("TailEvents", metadata=metadata, timeout=2))
    for call, left in zip(callee.calls, callee.remaining, strict=True):
        assert call.request_id == "checkout-4711"
        assert call.text("traceparent") == TRACE
        assert call.identity.org_id == ORG
        assert left is not None
        assert 0 < left < 2.1  # gRPC sends timeouts rounded up


async def test_the_callers_own_credential_goes_no_further() -> None:
    async with two_services() as (first, _, callee):
        await first.unary("ListEvents")
    assert callee.calls[0].text("authorization") == f"Bearer {ORG} olga"


async def test_what_is_unavailable_is_tried_again() -> None:
    async with two_services() as (first, _, callee):
        callee.failures = 2
        await first.unary("ListEvents")
        assert len(callee.calls) == 3


async def test_nothing_else_is_tried_again() -> None:
    async with two_services() as (first, _, callee):
        callee.failures, callee.failure = 1, RuntimeError("broken")
        told = await refusal(first.unary("ListEvents"))
        assert len(callee.calls) == 1
        assert (told.code, told.reason) == (StatusCode.INTERNAL, "INTERNAL")


async def test_a_service_that_stays_away_makes_ours_unavailable_and_not_broken() -> None:
    async with two_services() as (first, _, callee):
        callee.failures = 99
        told = await refusal(first.unary("ListEvents"))
        assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "OVERLOADED")
        assert told.retry_after is not None


async def test_a_caller_out_of_time_costs_the_next_service_nothing() -> None:
    async with two_services() as (first, between, callee):
        between.before = lambda: time.sleep(0.1)  # the loop is busy beyond the deadline
        told = await refusal(first.unary("ListEvents", timeout=0.05))
        assert told.code is StatusCode.DEADLINE_EXCEEDED
        await asyncio.sleep(0.2)
    assert callee.calls == []


async def test_without_a_call_in_hand_a_call_still_has_an_end() -> None:
    callee = Callee()
    limits = CallSettings(default_deadline_seconds=3600, stop_notice_seconds=0)
    async with (
        serving(ingest=callee, calls=limits) as server,
        Caller(token=_token).channel(server.address) as channel,
    ):
        stub: Any = event_ingest_pb2_grpc.EventIngestServiceStub(channel)
        await stub.ListEvents(LIST, metadata=(("authorization", "Bearer olga"),))
        assert callee.remaining[0] is not None
        assert callee.remaining[0] <= 31
        with pytest.raises(aio.AioRpcError):
            await stub.ListEvents(LIST)

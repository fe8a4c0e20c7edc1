"""Deadlines, cancellation and the life of streams: work stops when nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from grpc import StatusCode, aio

from footfall.events.v1 import event_ingest_pb2
from shared.rpc.call import current_call
from shared.settings import CallSettings
from tests.serving import Running, Unused, drained, refusal, serving, until


class Slow(Unused):
    """Waits for ever, and knows how many wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.begun = 0
        self.remaining: float | None = None

    async def _wait(self, call: Any) -> None:
        self.remaining = call.remaining()
        assert current_call.get() is call
        self.begun += 1
        self.waiting += 1
        try:
            await asyncio.sleep(60)
        finally:
            self.waiting -= 1

    async def ListEvents(self, _request: Any, call: Any) -> Any:
        await self._wait(call)

    async def TailEvents(self, _request: Any, call: Any) -> AsyncIterator[Any]:
        yield event_ingest_pb2.TailEventsResponse(resume_token="first")
        await self._wait(call)

    async def StreamEvents(self, requests: Any, call: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            yield event_ingest_pb2.StreamEventsResponse()
            await self._wait(call)


async def test_work_stops_at_the_callers_deadline() -> None:
    """Test 27, the part of the server: the query's part is the database's."""
    slow = Slow()
    async with serving(ingest=slow) as server:
        began = time.monotonic()
        failed = await refusal(server.unary("ListEvents", timeout=0.05))
        assert failed.code is StatusCode.DEADLINE_EXCEEDED
        await until(lambda: slow.waiting == 0)
        assert time.monotonic() - began < 0.3
        assert slow.remaining is not None
        assert 0 < slow.remaining <= 0.05


async def test_a_call_without_deadline_gets_ours() -> None:
    slow = Slow()
    limits = CallSettings(default_deadline_seconds=0.1, stop_notice_seconds=0)
    async with serving(ingest=slow, calls=limits) as server:
        failed = await refusal(server.unary("ListEvents", timeout=None))
        assert (failed.code, failed.reason) == (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_PASSED")
        assert slow.waiting == 0


async def test_a_stream_without_deadline_ends_with_its_life_and_says_so() -> None:
    slow = Slow()
    limits = CallSettings(stream_life_seconds=0.1, stop_notice_seconds=0)
    async with serving(ingest=slow, calls=limits) as server:
        for stream in (
            server.stream("TailEvents", timeout=None),
            server.bidi("StreamEvents", iter([b""]), timeout=None),
        ):
            failed = await refusal(drained(stream))
            assert (failed.code, failed.reason) == (StatusCode.UNAVAILABLE, "STREAM_LIFE_ENDED")
            assert failed.retry_after == 0
        assert slow.waiting == 0


async def test_a_thousand_callers_who_go_away_leave_nothing_behind() -> None:
    """Test 28: tasks are back to the baseline within five seconds, and nobody is blamed."""
    slow = Slow()
    async with serving(ingest=slow) as server:
        baseline = len(asyncio.all_tasks())
        for _ in range(20):  # 50 at a time: a connection has room for 100 streams
            streams = [server.stream("TailEvents", timeout=None) for _ in range(25)]
            streams += [_one_message(server) for _ in range(25)]
            assert len(await asyncio.gather(*(stream.read() for stream in streams))) == 50
            for stream in streams:
                stream.cancel()
            await until(lambda: slow.waiting == 0)
        assert slow.begun >= 900  # a few may be gone before their handler was there
        await until(lambda: len(asyncio.all_tasks()) <= baseline + 1)
        value = server.metrics.registry.get_sample_value
        tail = {"method": "/footfall.events.v1.EventIngestService/TailEvents"}
        assert value("footfall_rpc_in_flight", tail) == 0
        assert value("footfall_rpc_calls_total", {**tail, "code": "CANCELLED"}) == 500
        assert value("footfall_rpc_calls_total", {**tail, "code": "INTERNAL"}) is None
        assert server.life.streams == set()


async def test_a_caller_who_goes_away_while_we_write_is_no_fault_of_ours() -> None:
    class Talkative(Unused):
        async def TailEvents(self, _request: Any, _call: Any) -> AsyncIterator[Any]:
            while True:
                yield event_ingest_pb2.TailEventsResponse(resume_token="x" * 100)

    async with serving(ingest=Talkative()) as server:
        for _ in range(20):
            async with aio.insecure_channel(server.address) as channel:
                other = Running(server.life, channel, server.metrics)
                stream = other.stream("TailEvents", timeout=None)
                await stream.read()
                await channel.close(grace=None)
        await until(lambda: not server.life.streams)
        tail = {"method": "/footfall.events.v1.EventIngestService/TailEvents", "code": "INTERNAL"}
        assert server.metrics.registry.get_sample_value("footfall_rpc_calls_total", tail) is None


async def test_a_slow_reader_holds_the_handler_and_not_the_memory() -> None:
    sent = 0

    class Talkative(Unused):
        async def TailEvents(self, _request: Any, _call: Any) -> AsyncIterator[Any]:
            nonlocal sent
            while True:
                yield event_ingest_pb2.TailEventsResponse(resume_token="x" * 10_000)
                sent += 1

    async with serving(ingest=Talkative()) as server:
        stream = server.stream("TailEvents", timeout=None)
        await stream.read()
        await asyncio.sleep(0.5)
        held = sent
        await asyncio.sleep(0.5)
        assert sent == held
        assert sent * 10_000 < 16 * 1024 * 1024
        stream.cancel()


async def test_a_stopping_server_lets_streams_end_in_their_own_words() -> None:
    class Orderly(Unused):
        async def TailEvents(self, _request: Any, call: Any) -> AsyncIterator[Any]:
            yield event_ingest_pb2.TailEventsResponse(resume_token="first")
            await call.server_stopping.wait()
            yield event_ingest_pb2.TailEventsResponse(resume_token="last")

    limits = CallSettings(stop_notice_seconds=0, drain_seconds=5)
    async with serving(ingest=Orderly(), calls=limits) as server:
        stream = server.stream("TailEvents", timeout=None)
        messages = aiter(stream)
        await anext(messages)
        began = time.monotonic()
        server.life.stop()
        assert (await anext(messages)).endswith(b"last")
        assert [message async for message in messages] == []
        assert time.monotonic() - began < 1


async def test_a_stopping_server_ends_streams_that_do_not() -> None:
    limits = CallSettings(stop_notice_seconds=0, drain_seconds=0.4)
    async with serving(ingest=Slow(), calls=limits) as server:
        stream = server.stream("TailEvents", timeout=None)
        messages = aiter(stream)
        await anext(messages)
        server.life.stop()
        assert (await refusal(anext(messages))).reason == "STREAM_LIFE_ENDED"


def _one_message(server: Running) -> Any:
    async def requests() -> AsyncIterator[bytes]:
        yield b""
        await asyncio.sleep(60)

    return server.bidi("StreamEvents", requests(), timeout=None)

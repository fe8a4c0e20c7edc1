"""From the first second of a service to its last: health, reflection, refusal, drain."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import pytest
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from footfall.events.v1 import event_ingest_pb2, event_pb2
from shared.rpc.health import State
from shared.rpc.life import Life
from shared.settings import CallSettings, ListenSettings
from tests.programs import program
from tests.serving import INGEST, TYPES, Running, drained, refusal, serving, until

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
LIST = "/grpc.health.v1.Health/List"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

EVENT = event_ingest_pb2.IngestEventRequest(
    event=event_pb2.Event(type="page_view")
).SerializeToString()


async def test_health_is_open_and_knows_every_service() -> None:
    async with serving() as server:
        for service in ("", INGEST.full_name, TYPES.full_name):
            assert await _health(server, service) == SERVING
        told = await refusal(_health(server, "no.such.Service"))
        assert told.code is StatusCode.NOT_FOUND
        answer: Any = health_pb2.HealthListResponse.FromString(await server.unary(LIST, bearer=""))  # type: ignore[attr-defined]
        assert set(answer.statuses) == {"", INGEST.full_name, TYPES.full_name}


async def test_a_service_that_starts_is_there_and_says_so() -> None:
    """Others wait for nothing: the port is open, health says NOT_SERVING, calls may come again."""
    ready = asyncio.Event()
    async with serving(startup=ready.wait, wait=False) as server:
        assert await _health(server) == NOT_SERVING
        told = await refusal(server.unary("ListEvents"))
        assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "DATABASE_AWAY")
        assert told.retry_after is not None
        ready.set()
        await until(lambda: server.life.readiness.serving)
        assert await _health(server) == SERVING


async def test_a_service_that_stops_before_it_was_ready_takes_no_calls() -> None:
    calls = CallSettings(stop_notice_seconds=0.5, drain_seconds=1)
    never = asyncio.Event()
    async with serving(startup=never.wait, wait=False, calls=calls) as server:
        server.life.stop()
        await until(lambda: server.life.readiness.state is State.STOPPING)
        assert (await refusal(server.unary("ListEvents"))).reason == "DATABASE_AWAY"


async def test_health_follows_the_database_and_comes_back_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.rpc.life._PROBE_SECONDS", 0.05)
    away = False

    async def probe() -> None:
        if away:
            raise ConnectionError("gone")

    async with serving(probe=probe) as server:
        watch = aiter(server.stream(WATCH, bearer="", timeout=None))
        assert _status(await anext(watch)) == SERVING
        away = True
        assert _status(await anext(watch)) == NOT_SERVING
        began = time.monotonic()
        told = await refusal(server.unary("ListEvents"))
        assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "DATABASE_AWAY")
        assert time.monotonic() - began < 0.2
        away = False
        assert _status(await anext(watch)) == SERVING


async def test_a_watcher_of_an_unknown_service_is_told_so() -> None:
    async with serving() as server:
        request = health_pb2.HealthCheckRequest(service="no.such.Service").SerializeToString()
        watch = aiter(server.stream(WATCH, request, bearer="", timeout=None))
        assert _status(await anext(watch)) == SERVICE_UNKNOWN


async def test_watchers_do_not_hold_up_the_stop() -> None:
    calls = CallSettings(stop_notice_seconds=0, drain_seconds=8)
    async with serving(calls=calls, listen=ListenSettings(reflection=True)) as server:
        watch = aiter(server.stream(WATCH, bearer="", timeout=None))
        await anext(watch)
        asking = server.bidi(REFLECT, _never(), bearer="", timeout=None)
        await asyncio.sleep(0.05)
        began = time.monotonic()
        server.life.stop()
        assert _status(await anext(watch)) == NOT_SERVING
        await refusal(anext(watch))
        await refusal(drained(asking))
        assert time.monotonic() - began < 1


async def test_reflection_lists_what_is_served_and_needs_no_credential() -> None:
    async with serving(listen=ListenSettings(reflection=True)) as server:
        ask = reflection_pb2.ServerReflectionRequest(list_services="*").SerializeToString()
        answers = await drained(server.bidi(REFLECT, iter([ask]), bearer=""))
        answer = reflection_pb2.ServerReflectionResponse.FromString(answers[0])
        assert {one.name for one in answer.list_services_response.service} == {
            INGEST.full_name,
            TYPES.full_name,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }


async def test_reflection_that_is_off_is_unimplemented() -> None:
    """Test 26."""
    async with serving() as server:
        told = await refusal(drained(server.bidi(REFLECT, iter([b""]), bearer="")))
        assert told.code is StatusCode.UNIMPLEMENTED


async def test_no_call_in_hand_fails_when_a_busy_service_stops() -> None:
    """Test 29: NOT_SERVING first, what was begun is finished, exit 0 within ten seconds."""
    environ = {"FOOTFALL_STOP_NOTICE_SECONDS": "1"}
    async with program("tests.tiny_service", environ=environ) as tiny:
        await tiny.heard("state")
        async with aio.insecure_channel(tiny.address) as channel:
            server = Running(Life(), channel, None)  # type: ignore[arg-type]
            watch = aiter(server.stream(WATCH, bearer="", timeout=None))
            assert _status(await anext(watch)) == SERVING
            tail = aiter(server.stream("TailEvents", timeout=None))
            await anext(tail)
            outcomes: list[tuple[float, float, StatusCode]] = []
            load = [asyncio.create_task(_load(server, outcomes)) for _ in range(64)]
            await until(lambda: len(outcomes) > 500, 30)
            stopped = time.monotonic()
            tiny.send(signal.SIGTERM)
            assert _status(await anext(watch)) == NOT_SERVING
            noticed = time.monotonic()
            assert await tiny.ended() == 0
            assert time.monotonic() - stopped < 10
            assert [message async for message in tail] == []  # ended by itself, and well
            await asyncio.gather(*load)
    assert {code for began, _, code in outcomes if began < stopped} == {StatusCode.OK}
    assert sum(began < stopped < ended for began, ended, _ in outcomes) == 64
    assert all(noticed < ended for _, ended, code in outcomes if code is not StatusCode.OK)


async def test_traces_that_nobody_takes_hold_up_neither_calls_nor_the_stop() -> None:
    environ = {"FOOTFALL_OTLP_ENDPOINT": "http://127.0.0.1:9", "FOOTFALL_OTLP_SAMPLE_RATIO": "1"}
    async with program("tests.tiny_service", environ=environ) as tiny:
        await tiny.heard("state")
        async with aio.insecure_channel(tiny.address) as channel:
            server = Running(Life(), channel, None)  # type: ignore[arg-type]
            await asyncio.gather(*(server.unary("IngestEvent", EVENT) for _ in range(20)))
        tiny.send(signal.SIGTERM)
        assert await tiny.ended(10) == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_that_is_still_starting_stops_at_once(signum: signal.Signals) -> None:
    async with program("tests.tiny_service", environ={"TINY_STARTS_IN": "60"}) as tiny:
        await tiny.heard("listening")
        tiny.send(signum)
        assert await tiny.ended(10) == 0


async def test_a_service_that_must_not_start_says_why_and_exits_with_1() -> None:
    async with program("tests.tiny_service", environ={"TINY_REFUSES": "fsync is off"}) as tiny:
        await tiny.heard("listening")
        assert await tiny.ended(5) == 1
    assert tiny.lines[-1] == "footfall: fsync is off\n"


async def test_a_wrong_setting_is_refused_by_name() -> None:
    """Test 34, as the operator sees it; each setting has its unit test."""
    async with program("tests.tiny_service", environ={"FOOTFALL_MAX_CALLS": "none"}) as tiny:
        assert await tiny.ended() == 1
    assert tiny.lines == [
        "footfall: FOOTFALL_MAX_CALLS cannot be 'none': a whole number is needed.\n"
    ]


async def test_an_allowed_plaintext_address_and_an_unknown_setting_are_no_reason_to_stop() -> None:
    environ = {"FOOTFALL_ALLOW_PLAINTEXT": "true", "FOOTFALL_HOST": "0.0.0.0", "FOOTFALL_PROT": "1"}
    async with program("tests.tiny_service", environ=environ) as tiny:
        await tiny.heard("listening")
        assert tiny.said("unknown setting, ignored")["setting"] == "FOOTFALL_PROT"


async def test_every_event_is_one_line_with_the_call_it_belongs_to() -> None:
    """Tests 25 and 55: no line break of a caller or an exception gets into the log as one."""
    event = event_pb2.Event(type="page_view", user_id="hunter2")
    request = event_ingest_pb2.IngestEventRequest(event=event).SerializeToString()
    async with program("tests.tiny_service") as tiny:
        await tiny.heard("state")
        async with aio.insecure_channel(tiny.address) as channel:
            server = Running(Life(), channel, None)  # type: ignore[arg-type]
            told = await refusal(
                server.unary("IngestEvent", request, metadata=(("x-request-id", "checkout-1"),))
            )
            assert "hunter2" not in repr(told)
            await refusal(server.unary("IngestEvent", b"\xff"))
        await tiny.heard("call")
        failed, refused = tiny.said("call failed unexpectedly"), tiny.said("call")
    assert failed["error_id"] == told.metadata["error_id"]
    assert failed["request_id"] == "checkout-1"
    assert failed["method"].endswith("/IngestEvent")
    assert "second line" in failed["traceback"]
    assert (refused["code"], refused["reason"]) == ("INVALID_ARGUMENT", "UNDECODABLE_REQUEST")
    assert refused["org"] == failed["org"]


async def _load(server: Running, outcomes: list[tuple[float, float, StatusCode]]) -> None:
    code = StatusCode.OK
    while code is StatusCode.OK:
        began = time.monotonic()
        try:
            await server.unary("IngestEvent", EVENT)
        except aio.AioRpcError as error:
            code = error.code()
        outcomes.append((began, time.monotonic(), code))


async def _health(server: Running, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    return _status(await server.unary(CHECK, request, bearer=""))


def _status(raw: bytes) -> int:
    return int(health_pb2.HealthCheckResponse.FromString(raw).status)


async def _never() -> Any:
    await asyncio.sleep(60)
    yield b""

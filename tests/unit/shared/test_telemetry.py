"""Log lines, numbers and traces, without a server around them."""

from __future__ import annotations

import asyncio
import io
import logging
import urllib.request
from collections.abc import Iterator

import orjson
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import logs
from shared.telemetry.metrics import Metrics, MetricsEndpoint, MetricsPortTaken
from shared.telemetry.traces import Traces

NASTY = "a\r\nb\x00\x1b[31m\u2028c\u202ed"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = logger.handlers[:], logger.level, logging.raiseExceptions
    yield logger
    logger.handlers[:], level, logging.raiseExceptions = before
    logger.setLevel(level)


def _lines(log_format: str) -> list[str]:
    out = io.StringIO()
    logs.install("info", log_format, lambda: {"request_id": "r-1", "org": NASTY}, out)
    logs.LOG.info(NASTY, extra={"user_agent": NASTY})
    logs.LOG.debug("not wanted")
    logging.getLogger("sqlalchemy").info("parameters: hunter2")
    try:
        int(NASTY)
    except ValueError:
        logs.LOG.exception("failed")
    return out.getvalue().removesuffix("\n").split("\n")


@pytest.mark.usefixtures("root")
def test_one_event_is_one_json_line_whatever_it_holds() -> None:
    """Test 55, the part of the log."""
    lines = _lines("json")
    events = [orjson.loads(line) for line in lines]
    assert [event["level"] for event in events] == ["info", "error"]
    assert events[0]["message"] == events[0]["user_agent"] == events[0]["org"] == NASTY
    assert events[0]["request_id"] == "r-1"
    assert events[1]["traceback"].startswith("Traceback")


@pytest.mark.usefixtures("root")
def test_the_text_form_shows_control_characters_instead_of_obeying_them() -> None:
    first = _lines("text")[0]
    assert first.isprintable()
    assert "\\r\\n" in first
    assert "request_id=r-1" in first


@pytest.mark.usefixtures("root")
def test_a_stream_that_is_no_terminal_gets_json() -> None:
    assert _lines("auto")[0].startswith("{")


@pytest.mark.usefixtures("root")
def test_a_full_disk_under_the_log_harms_nobody() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    logs.install("info", "json", dict, Full())
    logs.LOG.info("lost")


async def test_numbers_are_served_on_loopback() -> None:
    metrics = Metrics()
    numbers = metrics.of_method("/a.B/C")
    numbers.in_flight = 2
    numbers.count("OK", 0.003)
    numbers.count("NOT_FOUND", 99)
    endpoint = MetricsEndpoint(metrics, 0)
    try:
        url = f"http://127.0.0.1:{endpoint.port}/metrics"
        page = (await asyncio.to_thread(_get, url)).splitlines()
        with pytest.raises(MetricsPortTaken, match="METRICS_PORT"):
            MetricsEndpoint(Metrics(), endpoint.port)
    finally:
        await endpoint.close()
    assert 'footfall_rpc_calls_total{code="NOT_FOUND",method="/a.B/C"} 1.0' in page
    assert 'footfall_rpc_in_flight{method="/a.B/C"} 2.0' in page
    assert 'footfall_rpc_seconds_bucket{le="0.0025",method="/a.B/C"} 0.0' in page
    assert 'footfall_rpc_seconds_bucket{le="0.005",method="/a.B/C"} 1.0' in page
    assert 'footfall_rpc_seconds_bucket{le="+Inf",method="/a.B/C"} 2.0' in page
    assert 'footfall_rpc_seconds_count{method="/a.B/C"} 2.0' in page
    assert any(line.startswith("process_resident_memory_bytes") for line in page)


def _get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        text: str = answer.read().decode()
        return text


async def test_a_span_continues_the_callers_trace_and_passes_it_on() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    traces = Traces(provider)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    opened = traces.open_span("a.B/C", {"traceparent": parent, "authorization": "Bearer hunter2"})
    outgoing = traces.outgoing()["traceparent"]
    traces.close_span(opened, "UNAVAILABLE")
    span = kept.get_finished_spans()[0]
    assert trace.format_trace_id(span.context.trace_id) in parent
    assert span.parent is not None
    assert trace.format_span_id(span.parent.span_id) in parent
    assert trace.format_span_id(span.context.span_id) in outgoing
    assert span.attributes == {"rpc.response.status_code": "UNAVAILABLE"}
    assert not span.status.is_ok
    assert traces.outgoing() == {}
    await traces.close()

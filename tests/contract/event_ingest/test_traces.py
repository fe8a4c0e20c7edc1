"""Traces at a real collector: what a span says of a call, and what it must not."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from footfall.events.v1 import event_ingest_pb2
from tests.ingesting import event, organisations, running_ingest
from tests.postgres import Template

INGEST_EVENT = "footfall.events.v1.EventIngestService/IngestEvent"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECONDS = 30.0


class Collector(rpc.TraceServiceServicer):
    """Takes what is exported."""

    def __init__(self) -> None:
        self.exports: queue.Queue[pb.ExportTraceServiceRequest] = queue.Queue()

    def Export(self, request: Any, context: Any) -> pb.ExportTraceServiceResponse:
        del context
        self.exports.put(request)
        return pb.ExportTraceServiceResponse()

    def spans(self, name: str, count: int) -> tuple[list[Span], bytes]:
        """So many spans of that name, and all that came until then, as bytes."""
        found: list[Span] = []
        raw = b""
        deadline = time.monotonic() + SECONDS
        while len(found) < count:
            export = self.exports.get(timeout=max(0.0, deadline - time.monotonic()))
            raw += export.SerializeToString()
            scopes = [scope for one in export.resource_spans for scope in one.scope_spans]
            found += [span for scope in scopes for span in scope.spans if span.name == name]
        return found, raw


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector, and where it listens."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    rpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_a_span_names_the_organisation_and_nobody_else(template: Template) -> None:
    """It continues the trace of the caller; no field of a request gets in, nor a credential."""
    with (
        collecting() as (collector, endpoint),
        template.clone() as database,
        running_ingest(
            database,
            FOOTFALL_OTLP_ENDPOINT=endpoint,
            FOOTFALL_OTLP_SAMPLE_RATIO="1",
            OTEL_BSP_SCHEDULE_DELAY="100",
        ) as ingest,
    ):
        (acme,) = organisations(database, 1)
        caller = ingest.caller(acme)
        personal = ("mia.canary", "secret-canary", "feature-canary")
        sent = event(
            user_id=personal[0],
            feature=personal[2],
            properties_json=f'{{"note":"{personal[1]}"}}',
        )
        good = event_ingest_pb2.IngestEventRequest(event=sent)
        bad = event_ingest_pb2.IngestEventRequest(event=event("type-canary", user_id=personal[0]))
        metadata = (*caller.metadata, ("traceparent", PARENT))
        caller.events.IngestEvent(good, metadata=metadata, timeout=20)
        with pytest.raises(grpc.RpcError):
            caller.events.IngestEvent(bad, metadata=metadata, timeout=20)
        spans, raw = collector.spans(INGEST_EVENT, 2)
    told = [{one.key: one.value.string_value for one in span.attributes} for span in spans]
    assert {one["rpc.response.status_code"] for one in told} == {"OK", "INVALID_ARGUMENT"}
    assert {one["footfall.org_id"] for one in told} == {str(acme.org_id)}
    assert {span.trace_id.hex() for span in spans} == {PARENT.split("-")[1]}
    assert {span.kind for span in spans} == {Span.SPAN_KIND_SERVER}
    assert b"canary" not in raw
    for credential in (value.removeprefix("Bearer ") for _, value in caller.metadata):
        assert credential.encode() not in raw
    assert b"footfall-event-ingest" in raw

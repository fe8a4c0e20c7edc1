"""Traces, through the API of OpenTelemetry and by hand: its gRPC interceptors cost half a call.

Nothing is imported, opened or wrapped unless an endpoint is configured. The W3C `traceparent` of
the caller continues in our spans, and in the calls that we make.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from shared.refusal import StartRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer


_CLOSE_SECONDS = 1.0


class TracingNotInstalled(StartRefused):
    """Traces are asked for and the libraries for them are not there."""


class Traces:
    """Opens and closes the span of a call."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer: Tracer = provider.get_tracer("footfall")
        self._context = context
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()

    @classmethod
    def to(cls, endpoint: str, service: str, ratio: float) -> Traces:
        """Send spans to an OTLP endpoint, in batches and in the background."""
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        except ImportError as error:
            raise TracingNotInstalled(
                "FOOTFALL_OTLP_ENDPOINT is set and OpenTelemetry is not installed. "
                "Run: pip install 'footfall[otel]', or unset it."
            ) from error
        provider = TracerProvider(
            resource=Resource.create({"service.name": f"footfall-{service}"}),
            sampler=ParentBased(TraceIdRatioBased(ratio)),
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https:"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def open_span(self, name: str, headers: Mapping[str, str | bytes]) -> OpenSpan:
        """A span under the caller's, current in this task until it ends."""
        carrier = {key: headers[key] for key in ("traceparent", "tracestate") if key in headers}
        parent = self._propagator.extract(carrier)
        span = self._tracer.start_span(name, context=parent, kind=self._trace.SpanKind.SERVER)
        token = self._context.attach(self._trace.set_span_in_context(span, parent))
        return OpenSpan(span, token)

    def close_span(self, opened: OpenSpan, code: str, org_id: str | None = None) -> None:
        """Close it with the outcome of the call; no text of ours or the caller's goes along."""
        opened.span.set_attribute("rpc.response.status_code", code)
        if org_id is not None:
            opened.span.set_attribute("footfall.org_id", org_id)
        if code in {"INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"}:
            opened.span.set_status(self._trace.StatusCode.ERROR)
        opened.span.end()
        self._context.detach(opened.token)

    def outgoing(self) -> dict[str, str]:
        """The headers by which a callee continues the span that is current."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    async def close(self) -> None:
        """Send what is left, if somebody takes it: a collector that is away holds up no stop."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _CLOSE_SECONDS)


class OpenSpan:
    """A span and the token that takes it out of the task's context."""

    __slots__ = ("span", "token")

    def __init__(self, span: Span, token: Any) -> None:
        self.span = span
        self.token = token

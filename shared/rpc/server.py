"""A service on its port: what it is made of, and the chain that every call goes through.

The port opens at once and says NOT_SERVING; the service then starts, which may take as long as its
database is away; then it serves. On SIGTERM health changes first, then the port closes, what is in
hand is finished, and `serve` returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from shared.rpc import listener
from shared.rpc.chain import Chain, ConcernFor
from shared.rpc.health import Probe, health_area
from shared.rpc.interceptors.client_names import client_names
from shared.rpc.interceptors.concurrency import InFlight, organisation_share, process_share
from shared.rpc.interceptors.credential import Authenticator, credential
from shared.rpc.interceptors.deadline import deadline
from shared.rpc.interceptors.decoding import decoding
from shared.rpc.interceptors.foreign_organisation import RecordForeign, foreign_organisation
from shared.rpc.interceptors.observation import access_log, counting, request_ids, tracing
from shared.rpc.interceptors.permission import permission
from shared.rpc.interceptors.rate_limit import Buckets, rate_limit
from shared.rpc.interceptors.readiness import readiness
from shared.rpc.interceptors.streams import known_streams
from shared.rpc.interceptors.validation import validation
from shared.rpc.life import Life, Step
from shared.rpc.methods import Area, Method, Permissions, methods
from shared.rpc.reflection import reflection_area
from shared.telemetry.metrics import Metrics, MetricsEndpoint
from shared.telemetry.traces import Traces

if TYPE_CHECKING:
    from shared.rpc.validation import Rules
    from shared.settings import Settings

_LOG = logging.getLogger("footfall.server")
_CLOSE_SECONDS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What one service is made of; its `__main__` is the only place that says so."""

    name: str
    port: int
    metrics_port: int
    areas: Sequence[Area]
    authenticator: Authenticator
    permitted: Permissions
    record_foreign: RecordForeign
    rules: Rules
    metrics: Metrics
    startup: Step
    """Returns when the database is there and fit, or raises StartRefused."""
    probe: Probe
    close: Step


def concerns(
    service: Service, settings: Settings, life: Life, traces: Traces | None
) -> list[ConcernFor]:
    """THE chain, outermost first; around it chain.py turns whatever is raised into an answer."""
    calls = settings.calls
    unary = InFlight.of(calls.max_calls, calls.org_share)
    streams = InFlight.of(calls.max_streams, calls.org_share)
    return [
        request_ids(),
        counting(service.metrics),
        tracing(traces),
        access_log(settings.telemetry.access_log),
        process_share(unary, streams),
        known_streams(life.streams),
        readiness(life.readiness),
        deadline(calls.default_deadline_seconds, calls.stream_life_seconds),
        client_names(settings.listen.tls_client_names),
        credential(service.authenticator),
        permission,
        rate_limit(Buckets()),
        organisation_share(unary, streams),
        foreign_organisation(service.record_foreign),
        decoding,
        validation(service.rules),
    ]


async def serve(service: Service, settings: Settings, life: Life | None = None) -> None:
    """Run until told to stop; StartRefused says why it cannot run at all."""
    if life is None:
        life = Life()
        life.stop_on_signals()
    async with AsyncExitStack() as cleanup:
        traces = _traces(service.name, settings, cleanup)
        chain = Chain(concerns(service, settings, life, traces), life.stopping)
        server, address = listener.build(settings.listen, settings.calls, service.port)
        for area, permitted in _all_areas(service, settings, life):
            found = list(methods(area, permitted))
            server.add_generic_rpc_handlers([_handlers(area, found, chain)])
        service.metrics.ready.set_function(lambda: float(life.readiness.serving))
        endpoint = MetricsEndpoint(
            service.metrics, service.metrics_port, settings.telemetry.metrics_host
        )
        cleanup.push_async_callback(endpoint.close)
        await server.start()
        life.address = address
        cleanup.push_async_callback(_close, service.close)
        _LOG.info("listening", extra={"address": address, "metrics_port": endpoint.port})
        try:
            await life.run(service.startup, service.probe)
        finally:
            await life.drain(server, settings.calls)


def _all_areas(
    service: Service, settings: Settings, life: Life
) -> list[tuple[Area, Permissions | None]]:
    names = [area.service.full_name for area in service.areas]
    health = health_area(life.readiness, names)
    served: list[tuple[Area, Permissions | None]] = [
        *((area, service.permitted) for area in service.areas),
        (health, None),
    ]
    if settings.listen.reflection:
        served.append((reflection_area([*names, health.service.full_name]), None))
    return served


def _handlers(area: Area, found: Sequence[Method], chain: Chain) -> grpc.GenericRpcHandler:
    composed = {method.name: chain.compose(method) for method in found}
    return grpc.method_handlers_generic_handler(area.service.full_name, composed)


def _traces(name: str, settings: Settings, cleanup: AsyncExitStack) -> Traces | None:
    telemetry = settings.telemetry
    if telemetry.otlp_endpoint is None:
        return None
    traces = Traces.to(telemetry.otlp_endpoint, name, telemetry.otlp_sample_ratio)
    cleanup.push_async_callback(traces.close)
    return traces


async def _close(close: Step) -> None:
    try:
        await asyncio.wait_for(close(), _CLOSE_SECONDS)
    except Exception:  # noqa: BLE001 - we are leaving, and say what stayed behind
        _LOG.warning("not closed in time", exc_info=True)

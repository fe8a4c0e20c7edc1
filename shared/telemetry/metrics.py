"""Numbers for Prometheus, counted where they arise and served on loopback.

The library's own counters take a lock each, and three of them per call cost a third of the whole
chain. Calls are therefore counted in plain integers, which only the loop writes, and the library
sees them when somebody asks.
"""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    make_wsgi_app,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from shared.refusal import StartRefused

_POLL_SECONDS = 0.05
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class MetricsPortTaken(StartRefused):
    """Something else listens where the numbers should be served."""


class MethodNumbers:
    """What is counted of one method."""

    __slots__ = ("buckets", "ended", "in_flight", "method", "seconds")

    def __init__(self, method: str) -> None:
        self.method = method
        self.in_flight = 0
        self.ended: dict[str, int] = {}
        self.buckets = [0] * (len(_SECONDS) + 1)
        self.seconds = 0.0

    def count(self, code: str, seconds: float) -> None:
        """One call ended so, after so long."""
        self.ended[code] = self.ended.get(code, 0) + 1
        self.buckets[bisect_left(_SECONDS, seconds)] += 1
        self.seconds += seconds


class Metrics:
    """The numbers of one service; areas add their own to `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.ready = Gauge(
            "footfall_ready", "1 while the service takes calls.", registry=self.registry
        )
        self._calls = _Calls()
        self.registry.register(self._calls)

    def of_method(self, method: str) -> MethodNumbers:
        """Where the calls of a method are counted."""
        numbers = MethodNumbers(method)
        self._calls.methods.append(numbers)
        return numbers


class _Calls(Collector):
    """Reads the numbers when somebody asks; the loop goes on counting meanwhile."""

    def __init__(self) -> None:
        self.methods: list[MethodNumbers] = []

    def collect(self) -> Iterator[Metric]:
        ended = CounterMetricFamily(
            "footfall_rpc_calls", "Calls that ended, by how.", labels=("method", "code")
        )
        seconds = HistogramMetricFamily(
            "footfall_rpc_seconds", "From the arrival of a call to its end.", labels=("method",)
        )
        in_flight = GaugeMetricFamily(
            "footfall_rpc_in_flight", "Calls in hand.", labels=("method",)
        )
        for numbers in self.methods:
            for code, count in dict(numbers.ended).items():
                ended.add_metric((numbers.method, code), count)
            bounds = (*map(str, _SECONDS), "+Inf")
            cumulated = list(zip(bounds, accumulate(numbers.buckets), strict=True))
            seconds.add_metric((numbers.method,), cumulated, numbers.seconds)
            in_flight.add_metric((numbers.method,), numbers.in_flight)
        yield from (ended, seconds, in_flight)


class MetricsEndpoint:
    """Serves a registry from a thread of its own: a scrape waits for nobody."""

    def __init__(self, metrics: Metrics, port: int, host: str = "127.0.0.1") -> None:
        """Listen; port 0 means any free one."""
        try:
            self._server = make_server(host, port, make_wsgi_app(metrics.registry), _Server, _Quiet)
        except OSError as error:
            raise MetricsPortTaken(
                f"Metrics cannot be served on {host}:{port}: {error.strerror}. Choose another with "
                "FOOTFALL_METRICS_HOST and FOOTFALL_<SERVICE>_METRICS_PORT."
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    async def close(self) -> None:
        """Stop listening."""
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 5  # one who connects and says nothing is sent away

    def log_message(self, *_: object) -> None:
        """A scrape is no event."""

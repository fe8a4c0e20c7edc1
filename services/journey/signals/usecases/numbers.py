"""What Prometheus sees of signals."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Questions:
    """Of a service, which asks about one client at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.asked = Counter(
            "footfall_journey_insight_calls",
            "Calls to insight for clients without signals: answered, failed, or spared.",
            ("outcome",),
            registry=registry,
        )
        self.away = Gauge(
            "footfall_journey_insight_away",
            "1 while insight fails, or fails an organisation, and is asked now and then only.",
            registry=registry,
        )


class Swept:
    """Of a worker, which asks about all."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sweeps = Counter(
            "footfall_journey_signal_sweeps",
            "Sweeps of an organisation's clients, by how they ended: done or failed.",
            ("outcome",),
            registry=registry,
        )
        self.clients = Counter(
            "footfall_journey_signal_clients",
            "Clients whose signals were fetched.",
            registry=registry,
        )

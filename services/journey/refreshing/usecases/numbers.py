"""What Prometheus sees of refreshing."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Numbers:
    """Counters and gauges of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.restated = Counter(
            "footfall_journey_restated_clients",
            "Clients whose state was derived anew: due by time, or by settings and norms.",
            ("cause",),
            registry=registry,
        )
        self.behind = Gauge(
            "footfall_journey_due_seconds",
            "For how long the client that is due longest has been.",
            registry=registry,
        )
        self.ingested = Counter(
            "footfall_journey_ingested_events",
            "Ingested events that were stored in journeys.",
            registry=registry,
        )
        self.lag = Gauge(
            "footfall_journey_ingested_lag_seconds",
            "How long the oldest of the events followed last had waited since its commit.",
            registry=registry,
        )
        self.adopted = Counter(
            "footfall_journey_adopted_clients",
            "Clients whose ingested past was looked for.",
            registry=registry,
        )

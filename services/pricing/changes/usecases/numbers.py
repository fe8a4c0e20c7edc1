"""What Prometheus sees of price changes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Numbers:
    """Counters and gauges of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.due = Gauge(
            "footfall_pricing_due_changes",
            "Price changes whose time had come at the last look.",
            registry=registry,
        )
        self.behind = Gauge(
            "footfall_pricing_due_seconds",
            "For how long the price change that is due longest has been.",
            registry=registry,
        )
        self.applied = Counter(
            "footfall_pricing_applied_changes",
            "Price changes that took effect, or could not: by where they stand.",
            ("state",),
            registry=registry,
        )
        self.expired = Counter(
            "footfall_pricing_expired_approvals",
            "Requests for a price that nobody decided in time.",
            registry=registry,
        )
        self.reached = Counter(
            "footfall_pricing_reached_subscriptions",
            "Subscriptions that a new price reached.",
            registry=registry,
        )
        self.reviews = Counter(
            "footfall_pricing_reviews",
            "Reviews of price changes: within the prediction, outside, or not to be judged.",
            ("found",),
            registry=registry,
        )

"""What Prometheus is told of delivery."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.insight.webhooks.rules.verdicts import Fate


class Numbers:
    """Tries by what came of them, and how many are in hand."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = Counter(
            "footfall_webhook_tries",
            "Tries of webhook messages by what became of the message.",
            ["fate"],
            registry=registry,
        )
        for fate in Fate:
            self._tries.labels(fate.value)
        self.in_hand = Gauge(
            "footfall_webhook_tries_in_hand", "Tries that wait for an answer.", registry=registry
        )
        self.given_up = Counter(
            "footfall_webhook_messages_given_up",
            "Messages that will never be delivered: tries used up, or the receiver is gone.",
            registry=registry,
        )

    def tried(self, fate: Fate) -> None:
        """Count a try."""
        self._tries.labels(fate.value).inc()

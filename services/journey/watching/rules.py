"""Whom a watch follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from services.journey.journeys.rules.vocabulary import RiskLevel, Stage


@dataclass(frozen=True, slots=True)
class Watched:
    """Clients by id, by the level and the stage that they are then at."""

    client_ids: frozenset[str]
    """Empty: all."""
    min_level: RiskLevel
    stages: tuple[Stage, ...]
    """Empty: any."""

    def names(self, client_id: str) -> bool:
        """Whether it is one of them, at whatever level."""
        return not self.client_ids or client_id in self.client_ids

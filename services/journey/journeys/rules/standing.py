"""All that is known of a client, at no particular time: rules add `now` and settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.journey.journeys.rules.facts import Facts
from services.journey.journeys.rules.vocabulary import (
    Action,
    Micros,
    Norms,
    Outcome,
    Signals,
    Stage,
)

CONTACTS_KEPT = 50
"""Outcomes of each action that are kept beside a client's state: no cap counts more."""


@dataclass(frozen=True, slots=True)
class Contact:
    """An action that was done for a client, and what came of it."""

    action: Action
    outcome: Outcome
    at: Micros


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one client."""

    created_at: Micros
    facts: Facts
    ai_score: float | None = None
    signals: Signals | None = None
    norms: Norms = field(default_factory=Norms)
    pending_at: Micros | None = None
    """When the next event occurs that was told of ahead of its time: facts hold until then."""

    @property
    def stage(self) -> Stage:
        """Where it is: a lead until an event says otherwise."""
        return self.facts.stage or Stage.LEAD

    @property
    def stage_since(self) -> Micros:
        """Since when."""
        return self.created_at if self.facts.stage_at is None else self.facts.stage_at

    @property
    def known_since(self) -> Micros:
        """The earlier of its creation and its first event."""
        first = self.facts.first_at
        return self.created_at if first is None else min(self.created_at, first)

"""A suggestion with all that it rests on, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.pricing.evidence.rules.posterior import Belief
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.risks import Risk
from services.pricing.suggestions.rules.choosing import Choice, Goal, Objective

HORIZON_DAYS = 90
"""When nobody says another."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants a price for."""

    tier_id: str
    objective: Objective | None = None
    """None: margin, where the cost to serve is known."""
    horizon_days: int = HORIZON_DAYS

    def goal(self, cost_minor: int | None, min_confidence: float) -> Goal:
        """What is made most of: margin only where the cost to serve is known."""
        wanted = self.objective or Objective.MARGIN
        objective = Objective.REVENUE if cost_minor is None else wanted
        return Goal(objective, cost_minor, self.horizon_days, min_confidence)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A price, and what it rests on."""

    suggestion_id: UUID
    belief: Belief
    ground: Ground
    goal: Goal
    choice: Choice
    risks: tuple[Risk, ...]
    settings_version: int
    made_at: datetime

    def told(self) -> dict[str, Any]:
        """What an auditor wants to know of it."""
        return {
            "tier_id": self.belief.tier_id,
            "current_minor": self.belief.price_minor,
            "suggested_minor": self.choice.price_minor,
            "currency": self.belief.currency,
            "objective": self.goal.objective.name.lower(),
            "confidence": self.choice.confidence,
            "bound_by": list(self.choice.bound_by),
            "risks": [risk.name for risk in self.risks],
            "seed": self.belief.seed,
            "settings_version": self.settings_version,
        }


@dataclass(frozen=True, slots=True)
class NoSuggestion:
    """Why there is none."""

    reasons: tuple[str, ...]
    insufficient_data: bool
    """More or other data might tell; else it is told, and the answer is no."""
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A suggestion that was made before, as the JSON of the contract."""

    suggestion_id: UUID
    tier_id: str
    suggestion: dict[str, Any]
    made_at: datetime
    made_by: str

"""What is asked of demand, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.pricing.evidence.rules.estimates import Reason
from services.pricing.evidence.rules.posterior import Foretold, Learnt

DAYS = 365
"""The window unless the caller says another."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an organisation's tiers at a time."""

    as_of: datetime
    tiers: Mapping[str, Learnt]
    subscribers: Mapping[str, int]
    revenue_minor: Mapping[str, int]
    """Of the last 30 days."""

    def weight(self) -> int:
        """How much it is to keep: a belief for each tier."""
        return max(1, len(self.tiers))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be known."""

    org_id: UUID
    days: int = DAYS
    as_of: datetime | None = None
    """None is now."""
    with_usage: bool = False


@dataclass(frozen=True, slots=True)
class ElasticityQuestion:
    """How demand answers to price: of a tier or of all."""

    tier_id: str
    days: int
    """0 is the default."""
    as_of: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class DemandQuestion:
    """What a price would sell."""

    tier_id: str
    price_minor: int
    currency: str
    horizon_days: int
    now: datetime


@dataclass(frozen=True, slots=True)
class Predicted:
    """What it would sell, or why nobody can tell."""

    as_of: datetime
    currency: str
    reasons: tuple[Reason, ...]
    foretold: Foretold | None = None
    knows_cost: bool = False

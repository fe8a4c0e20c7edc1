"""The words of journey, as numbers of the contract, and the values that rules work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

Micros = int
"""A moment, in microseconds since 1970 (UTC): compared and stored without loss."""

SECOND: Micros = 1_000_000
DAY: Micros = 86_400 * SECOND


class Stage(IntEnum):
    """Where a client is on its way."""

    LEAD = 1
    QUALIFIED_LEAD = 2
    ONBOARDING = 3
    ACTIVE_PROJECT = 4
    AWAITING_FEEDBACK = 5
    BILLING = 6
    RETENTION = 7
    UPSELL_CANDIDATE = 8
    CHURN_RISK = 9


class Risk(IntEnum):
    """A reason to worry."""

    LOW_ENGAGEMENT = 1
    LATE_INVOICES = 2
    SLOW_PROJECT_PROGRESS = 3
    NEGATIVE_SENTIMENT = 4
    LOW_FEATURE_USAGE = 5
    HIGH_SUPPORT_TICKETS = 6


class RiskLevel(IntEnum):
    """How much there is to worry about."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Action(IntEnum):
    """What can be done for a client."""

    EMAIL_OUTREACH = 1
    SCHEDULE_MEETING = 2
    SEND_VOICE_MESSAGE = 3
    CONCIERGE_PERSONAL_INTERVENTION = 4
    OFFER_CREDIT_PACK = 5
    TRIGGER_SATISFACTION_SURVEY = 6


class Channel(IntEnum):
    """The way on which an action reaches a client."""

    EMAIL = 1
    VOICE = 2
    MEETING = 3
    PERSON = 4
    IN_APP = 5


class Priority(IntEnum):
    """How soon an action is due."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


class Outcome(IntEnum):
    """What came of an action."""

    ACCEPTED = 1
    IGNORED = 2
    SUCCEEDED = 3
    FAILED = 4


class Source(IntEnum):
    """How an event came into a journey."""

    TRACKED = 1
    INGESTED = 2


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as rules see it."""

    event_id: UUID
    occurred_at: Micros
    event_type: str
    stage: Stage | None
    metadata: Mapping[str, Any]

    @property
    def key(self) -> tuple[Micros, str]:
        """The order of a journey: by time of occurrence, then by id."""
        return self.occurred_at, str(self.event_id)


@dataclass(frozen=True, slots=True)
class Signals:
    """What insight said of how a client uses the product."""

    feature_uses: int
    feature_uses_p25: float | None
    """None with fewer than 20 active clients."""
    measured_at: Micros


@dataclass(frozen=True, slots=True)
class Norms:
    """What is usual in the organisation."""

    project_p75_seconds: float | None = None
    """Of visits to active_project that ended; None without any."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A risk that holds, and why."""

    risk: Risk
    evidence: str
    numbers: Mapping[str, float]
    clears_when: str
    since: Micros | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """A part of a score."""

    factor: str
    points: float
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """How well a client does; the contributions sum to it."""

    score: float
    level: RiskLevel
    stage: Stage
    contributions: tuple[Contribution, ...]
    findings: tuple[Finding, ...]

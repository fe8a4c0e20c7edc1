"""The words of detection: whom it looks at, what it counts, what it finds. Plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum


class InsightType(IntEnum):
    """What can be found; the numbers of the contract."""

    CHURN_RISK = 1
    DECLINING_USAGE = 2
    POWER_USER = 3
    UPSELL_OPPORTUNITY = 4
    STUCK_USER = 5
    FEATURE_ADOPTION = 6
    FEATURE_ABANDONMENT = 7


class SubjectKind(IntEnum):
    """Whom a finding can be about; the numbers of the schema."""

    ORGANISATION = 0
    USER = 1
    CLIENT = 2


class Severity(IntEnum):
    """How bad, or how good, within its type; the numbers of the contract."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Whom, and with which feature where the type has one. `id` is empty for the organisation."""

    kind: SubjectKind
    id: str = ""
    feature: str = ""


ORGANISATION = Subject(SubjectKind.ORGANISATION)


@dataclass(frozen=True, slots=True)
class Window:
    """A time, half open."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Windows:
    """The times that a snapshot counts in; all but `recent` are whole hours, or days, long.

    For the organisation they end with the hour that holds `as_of`; for users and clients `recent`
    is the running day, as far as it has come, and the six days before it.
    """

    recent: Window
    previous: Window
    silent: Window
    """The last 14 days."""
    busy: Window
    """From 60 to 15 days before."""
    month: Window
    """The last 30 days."""


@dataclass(frozen=True, slots=True)
class FeatureCounts:
    """Uses and abandonments of one feature by one subject in the recent window."""

    used: int = 0
    abandoned: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the detectors look at for one subject, whatever the number of its events."""

    subject: Subject
    windows: Windows
    recent: int = 0
    previous: int = 0
    silent: int = 0
    busy: int = 0
    voice: int = 0
    """Voice generations in the month."""
    reports: int = 0
    """Reports in the month."""
    abandoned: int = 0
    """Abandonments in the recent window."""
    features: Mapping[str, FeatureCounts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The organisation's own events of both weeks: whether everybody went quiet, or only some."""

    recent: int = 0
    previous: int = 0


ALONE = Fleet()


@dataclass(frozen=True, slots=True)
class Adoption:
    """How many of the organisation's active users used one feature, this week and last week."""

    feature: str
    users: int
    users_before: int


@dataclass(frozen=True, slots=True)
class Population:
    """The organisation's users: what feature_adoption and the check against the fleet look at."""

    windows: Windows
    active: int = 0
    """Users with an event in the recent window."""
    active_before: int = 0
    """In the previous window."""
    adoptions: Sequence[Adoption] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of the evidence."""

    name: str
    value: float
    window: Window


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's verdict, with its reasons."""

    insight_type: InsightType
    subject: Subject
    weight: float
    """The listed weight times confidence."""
    confidence: float
    severity: Severity
    window: Window
    action: str
    message: str
    parameters: Mapping[str, int | float | str]
    rule: str
    test: str
    measurements: Sequence[Measurement]
    would_change: str
    trend: Sequence[int] = ()
    """Filled in by the use case, of subjects that have findings: what each did on 28 days, the
    oldest first; events, or starts of the feature."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What cannot be said for want of data."""

    insight_type: InsightType
    subject: Subject
    missing: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the detectors say of one or many subjects."""

    findings: Sequence[Finding] = ()
    shortfalls: Sequence[Shortfall] = ()

"""The life of an insight. Pure: times are arguments.

A run tells of each insight whether it holds; people decide what becomes of it. A run opens, reopens
and expires, and never resolves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Finding,
    InsightType,
    Shortfall,
    Subject,
    SubjectKind,
)
from services.insight.insights.errors import AsOfOutOfRange, InsightClosed, InsightStale
from shared.errors import Violation

UNSEEN = timedelta(days=14)
"""After so long without being seen an insight expires."""

AHEAD = timedelta(seconds=60)
"""How far `as_of` may lie ahead of our clock: clocks differ."""

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No event is older."""

ANSWERED = 1_000
"""Insights in one answer."""


class State(IntEnum):
    """Where an insight stands; the numbers of the contract."""

    OPEN = 1
    ACKNOWLEDGED = 2
    RESOLVED = 3
    DISMISSED = 4
    EXPIRED = 5


STANDING = (State.OPEN, State.ACKNOWLEDGED)
"""States in which it is somebody's business."""


class Cause(IntEnum):
    """Why a run was made; the numbers of the schema."""

    ASKED = 1
    SCHEDULE = 2
    EVENTS = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which run is wanted: the organisation means all its users and clients too."""

    subject: Subject = ORGANISATION
    as_of: datetime | None = None
    """Now, when None."""
    cause: Cause = Cause.ASKED


@dataclass(frozen=True, slots=True)
class Insight:
    """A finding, and what became of it."""

    org_id: UUID
    insight_id: UUID | None
    """None when it is not kept."""
    finding: Finding
    """As it was seen last."""
    settings_version: int
    first_seen_at: datetime
    last_seen_at: datetime
    state_changed_at: datetime
    state: State = State.OPEN
    cleared_at: datetime | None = None
    state_changed_by: str = ""
    note: str = ""
    closed_severity: int | None = None
    """That of when it was closed last."""
    reopened: int = 0
    revision: int = 1

    @property
    def stands(self) -> bool:
        """Whether it is open or acknowledged."""
        return self.state in STANDING

    @property
    def etag(self) -> str:
        """Changes with state and severity, and fits no other organisation's insight."""
        version = f"{self.org_id}/{self.insight_id}/{self.revision}"
        return hashlib.blake2b(version.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a run is, to an insight."""

    org_id: UUID
    as_of: datetime
    settings_version: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody says of an insight."""

    insight_id: UUID
    etag: str
    """Empty takes it as it is."""
    note: str


@dataclass(frozen=True, slots=True)
class InsightFilter:
    """Which insights are asked for; empty types mean all."""

    states: Sequence[State] = STANDING
    types: Sequence[InsightType] = ()
    user_id: str = ""
    client_id: str = ""


class Cursor(NamedTuple):
    """The place after which a list goes on."""

    last_seen_at: datetime
    insight_id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list, and whether there are more."""

    insights: Sequence[Insight]
    more: bool


@dataclass(frozen=True, slots=True)
class Generated:
    """What a run answers."""

    as_of: datetime
    kept: bool
    complete: bool
    subjects: int
    insights: Sequence[Insight]
    totals: Mapping[InsightType, int]
    shortfalls: Sequence[Shortfall] = field(default_factory=tuple)


def insight_id(org_id: UUID, insight_type: InsightType, subject: Subject) -> UUID:
    """The id of the one insight of that type about a subject: the same for ever."""
    place = f"{insight_type.value}|{subject.kind.value}|{subject.id}|{subject.feature}"
    return uuid5(org_id, place)


def follows(insight_type: InsightType, subject: Subject) -> bool:
    """Whether it is counted by roll-ups that follow the log, by client or by a user's feature."""
    of_users_feature = subject.kind is SubjectKind.USER and subject.feature != ""
    adopted = insight_type is InsightType.FEATURE_ADOPTION
    return adopted or of_users_feature or subject.kind is SubjectKind.CLIENT


def check_as_of(as_of: datetime, now: datetime) -> None:
    """Raises AsOfOutOfRange."""
    told = "must not lie in the future" if as_of > now + AHEAD else None
    if as_of < OLDEST:
        told = "must not lie before the year 2000"
    if told:
        raise AsOfOutOfRange(violations=[Violation("as_of", told)])


def found(finding: Finding, sighting: Sighting) -> Insight:
    """A finding of its own, not kept."""
    return Insight(
        org_id=sighting.org_id,
        insight_id=None,
        finding=finding,
        settings_version=sighting.settings_version,
        first_seen_at=sighting.as_of,
        last_seen_at=sighting.as_of,
        state_changed_at=sighting.as_of,
    )


def see(known: Insight | None, finding: Finding, sighting: Sighting) -> Insight:
    """The insight after a run in which it holds."""
    if known is None:
        one = insight_id(sighting.org_id, finding.insight_type, finding.subject)
        return replace(found(finding, sighting), insight_id=one)
    seen = replace(
        known,
        finding=finding,
        settings_version=sighting.settings_version,
        last_seen_at=sighting.as_of,
        cleared_at=None,
    )
    if not known.stands and _comes_back(known, finding):
        seen = _in_state(seen, State.OPEN, sighting.as_of)
        return replace(seen, reopened=known.reopened + 1)
    worth_telling = known.stands and finding.severity != known.finding.severity
    return replace(seen, revision=known.revision + 1) if worth_telling else seen


def miss(known: Insight, as_of: datetime) -> Insight:
    """The insight after a run in which it does not hold."""
    missed = known if known.cleared_at else replace(known, cleared_at=as_of)
    if known.stands and known.last_seen_at + UNSEEN <= as_of:
        return _in_state(missed, State.EXPIRED, as_of)
    return missed


def decide(known: Insight, state: State, decision: Decision, by: str, now: datetime) -> Insight:
    """The insight after somebody's decision. Raises InsightStale, InsightClosed."""
    if decision.etag and decision.etag != known.etag:
        raise InsightStale
    if not known.stands:
        raise InsightClosed(state=known.state.name.lower())
    return _in_state(known, state, now, by=by, note=decision.note)


def changed(before: Insight | None, after: Insight) -> bool:
    """Whether those who watch want to know: it opened, or its state or severity changed."""
    return before is None or before.revision != after.revision


def rank(one: Insight) -> tuple[object, ...]:
    """The order of an answer: the organisation first, then the worst first."""
    finding = one.finding
    of_others = finding.subject.kind is not SubjectKind.ORGANISATION
    return of_others, -finding.weight, finding.insight_type, finding.subject


def _comes_back(known: Insight, finding: Finding) -> bool:
    """A relapse: it held no more, and holds again; or it is worse than when it was closed."""
    worse = known.closed_severity is not None and finding.severity > known.closed_severity
    return known.cleared_at is not None or worse


def _in_state(
    known: Insight, state: State, now: datetime, *, by: str = "", note: str = ""
) -> Insight:
    severity = known.closed_severity if state in STANDING else known.finding.severity.value
    return replace(
        known,
        state=state,
        state_changed_at=now,
        state_changed_by=by,
        note=note,
        closed_severity=severity,
        revision=known.revision + 1,
    )

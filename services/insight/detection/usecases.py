"""Looking at an organisation: snapshots from roll-ups, judged by the rules, some at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from services.insight.detection import queries
from services.insight.detection.queries import Days
from services.insight.detection.rules import windows
from services.insight.detection.rules.detect import detect, detect_adoption
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Finding,
    Fleet,
    Shortfall,
    Snapshot,
    Subject,
    SubjectKind,
    Verdict,
    Window,
    Windows,
)
from shared.database import RawConnection

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of some subjects."""

    subjects: int
    findings: Sequence[Finding]
    shortfalls: Sequence[Shortfall] = ()
    """Of the subject that was asked for alone."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: of whom it is, as of when, by which thresholds."""

    org_id: UUID
    subject: Subject
    """The organisation means all its users and clients too."""
    as_of: datetime
    zone: str
    settings: DetectorSettings

    @property
    def hourly(self) -> Windows:
        """The windows of the organisation."""
        return windows.hourly(self.as_of, self.zone)

    @property
    def daily(self) -> Windows:
        """The windows of users and clients."""
        return windows.daily(self.as_of, self.zone)

    @property
    def days(self) -> Days:
        """The first days of those, and the last one."""
        following = windows.last_day(self.as_of, self.zone) + _DAY
        return Days(
            recent=following - windows.WEEK_DAYS * _DAY,
            previous=following - 2 * windows.WEEK_DAYS * _DAY,
            silent=following - windows.SILENT_DAYS * _DAY,
            month=following - windows.MONTH_DAYS * _DAY,
            busy=following - windows.BUSY_DAYS * _DAY,
            last=following - _DAY,
        )


async def look(raw: RawConnection, asked: Look) -> AsyncIterator[Seen]:
    """What the detectors find, the organisation's first when it is of all; only reads."""
    whole = await queries.select_organisation(raw, asked.org_id, asked.hourly)
    fleet = Fleet(whole.recent, whole.previous)
    if asked.subject.kind is SubjectKind.ORGANISATION:
        yield await _organisation(raw, asked, whole)
        for kind in (SubjectKind.USER, SubjectKind.CLIENT):
            many = queries.select_subjects(raw, asked.org_id, kind, asked.daily, asked.days)
            async for snapshots in many:
                yield await _several(raw, asked, snapshots, fleet)
    else:
        yield await _one(raw, asked, fleet)


async def read_time_zone(raw: RawConnection, org_id: UUID) -> str:
    """The zone in which the organisation's days begin."""
    return await queries.select_time_zone(raw, org_id)


async def read_logged(raw: RawConnection, org_id: UUID) -> int:
    """How far the log of events goes."""
    return await queries.select_logged(raw, org_id)


async def read_folded(raw: RawConnection, org_id: UUID) -> int:
    """How far it is counted by feature and client."""
    return await queries.select_folded(raw, org_id)


async def _organisation(raw: RawConnection, asked: Look, whole: Snapshot) -> Seen:
    population = await queries.select_population(raw, asked.org_id, asked.daily, asked.days)
    verdicts = (detect(whole, asked.settings), detect_adoption(population, asked.settings))
    return await _seen(raw, asked, 1, verdicts)


async def _one(raw: RawConnection, asked: Look, fleet: Fleet) -> Seen:
    snapshot = await queries.select_subject(
        raw, asked.org_id, asked.subject, asked.daily, asked.days
    )
    return await _seen(raw, asked, 1, [detect(snapshot, asked.settings, fleet)])


async def _several(
    raw: RawConnection, asked: Look, snapshots: Sequence[Snapshot], fleet: Fleet
) -> Seen:
    verdicts = [detect(one, asked.settings, fleet) for one in snapshots]
    seen = await _seen(raw, asked, len(snapshots), verdicts)
    return replace(seen, shortfalls=())


async def _seen(
    raw: RawConnection, asked: Look, subjects: int, verdicts: Iterable[Verdict]
) -> Seen:
    findings: list[Finding] = []
    shortfalls: list[Shortfall] = []
    for verdict in verdicts:
        findings += verdict.findings
        shortfalls += verdict.shortfalls
    return Seen(subjects, await _with_trends(raw, asked, findings), shortfalls)


async def _with_trends(
    raw: RawConnection, asked: Look, findings: Sequence[Finding]
) -> list[Finding]:
    """The same with what each subject did on the days up to `as_of`."""
    last = windows.last_day(asked.as_of, asked.zone)
    days = [last - back * _DAY for back in reversed(range(windows.TREND_DAYS))]
    shown: list[Finding] = []
    by_kind = attrgetter("subject.kind")
    for kind, group in groupby(sorted(findings, key=by_kind), by_kind):
        of_kind = list(group)
        subjects = [finding.subject for finding in of_kind]
        if kind is ORGANISATION.kind:
            since, until = (windows.midnight(day, asked.zone) for day in (days[0], last + _DAY))
            daily = await queries.select_trend_of_organisation(
                raw,
                asked.org_id,
                Window(since, until),
                asked.zone,
                {subject.feature for subject in subjects if subject.feature},
            )
        else:
            daily = await queries.select_trends(raw, asked.org_id, kind, subjects, (days[0], last))
        for finding in of_kind:
            counts = daily.get((finding.subject.id, finding.subject.feature), {})
            shown.append(replace(finding, trend=[counts.get(day, 0) for day in days]))
    return shown

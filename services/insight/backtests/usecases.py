"""What is done to judge the detectors: read some subjects, judge them, read the next."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.insight.backtests import queries
from services.insight.backtests.queries import Days
from services.insight.backtests.rules.backtest import Backtest
from services.insight.backtests.rules.history import NEVER, Counts, FeatureSeries, Series, Span
from services.insight.backtests.rules.outcomes import FORTNIGHT, LOOKED_BACK
from services.insight.backtests.rules.scores import Report
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import ORGANISATION, Subject, SubjectKind
from services.insight.detector_settings.rules import Change, apply
from services.insight.detector_settings.usecases import read_settings
from shared.database import Database, Row
from shared.identity.identity import Identity

_TOGETHER = 200
"""Subjects that are read, and held in memory, at a time."""

_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
"""Nothing is older; calendars end somewhere, and 60 days are looked back from there."""

_DAY = timedelta(days=1)

_OF_HOURS = ("events", "voice", "reports", "used", "abandoned")
_OF_SUBJECTS = ("events", "voice", "reports", "abandoned")


@dataclass(frozen=True, slots=True)
class Question:
    """Over what to judge, and by which thresholds; None takes all, and the organisation's own."""

    start: datetime | None
    end: datetime | None
    step_days: int
    thresholds: Change | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is; at the end with the reports."""

    share: float
    subjects: int
    runs: int
    reports: Sequence[Report] = ()


async def backtest_detectors(
    database: Database, caller: Identity, question: Question
) -> AsyncIterator[Progress]:
    """Judge every detector, telling how far it is. Raises SettingsContradict."""
    days, span, settings = await _prepare(database, caller, question)
    organisation = await _organisation(database, caller, days)
    total, done = await _number(database, caller, days), 1
    # In a thread, which lets go every few milliseconds: other calls are served meanwhile.
    judging = await asyncio.to_thread(Backtest, span, organisation, settings, question.step_days)
    yield Progress(0.0, done, judging.runs)
    for kind in (SubjectKind.USER, SubjectKind.CLIENT):
        async for some in _subjects(database, caller, days, kind):
            await asyncio.to_thread(_judge, judging, some)
            done += len(some)
            yield Progress(min(1.0, done / max(total, 1)), done, judging.runs)
    yield Progress(1.0, done, judging.runs, await asyncio.to_thread(judging.reports))


async def _prepare(
    database: Database, caller: Identity, question: Question
) -> tuple[Days, Span, DetectorSettings]:
    """The days to read, those among them to judge, and the thresholds."""
    async with database.raw_transaction(caller.tenant) as raw:
        settings = await read_settings(raw, caller.org_id)
        name = await queries.select_time_zone(raw, caller.org_id)
        begun = await queries.select_first_day(raw, caller.org_id, name)
    if question.thresholds is not None:
        settings = apply(settings, question.thresholds, version=settings.version)
    zone, now = ZoneInfo(name), datetime.now(UTC)
    end = min(question.end or now, now)
    until = max(end, _EARLIEST).astimezone(zone).date()
    first, judged_from = begun or until, FORTNIGHT
    if question.start is not None:
        start = min(max(question.start, _EARLIEST), now + _DAY).astimezone(zone).date()
        first = max(first, start - timedelta(days=LOOKED_BACK))
        judged_from = max(FORTNIGHT, (start - first).days)
    until = max(first, until)
    span = Span(first, (until - first).days, judged_from)
    return Days(caller.org_id, name, first, until), span, settings


async def _number(database: Database, caller: Identity, days: Days) -> int:
    async with database.raw_transaction(caller.tenant) as raw:
        kinds = (SubjectKind.USER, SubjectKind.CLIENT)
        return 1 + sum([await queries.select_number(raw, days, kind) for kind in kinds])


async def _organisation(database: Database, caller: Identity, days: Days) -> Series:
    async with database.raw_transaction(caller.tenant) as raw:
        rows = await queries.select_hours(raw, days)
    counts: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for day, feature, *numbers in rows:
        for name, number in zip(_OF_HOURS, numbers, strict=True):
            for of in {"", feature}:
                by_day = counts[of, name]
                place = (day - days.first).days
                by_day[place] = by_day.get(place, 0) + number
    series = {key: _counts(by_day.items()) for key, by_day in counts.items()}
    return Series(
        ORGANISATION,
        **{name: series.get(("", name), NEVER) for name in _OF_SUBJECTS},
        features={
            feature: FeatureSeries(series[feature, "used"], series[feature, "abandoned"])
            for feature in {feature for feature, _ in counts if feature}
        },
    )


async def _subjects(
    database: Database, caller: Identity, days: Days, kind: SubjectKind
) -> AsyncIterator[Sequence[Series]]:
    """Some at a time, each time in a transaction of its own, so that none is long."""
    after = ""
    while True:
        async with database.raw_transaction(caller.tenant) as raw:
            rows = await queries.select_subjects(raw, days, kind, after=after, limit=_TOGETHER)
            ids = [row[0] for row in rows]
            features = await queries.select_features(raw, days, kind, ids) if ids else []
        if not rows:
            return
        yield list(_series(kind, rows, features))
        after = ids[-1]


def _series(kind: SubjectKind, rows: Iterable[Row], features: Iterable[Row]) -> Iterator[Series]:
    of_subject: dict[str, dict[str, FeatureSeries]] = defaultdict(dict)
    for subject_id, feature, place, used, abandoned in features:
        both = (_counts(zip(place, numbers, strict=True)) for numbers in (used, abandoned))
        of_subject[subject_id][feature] = FeatureSeries(*both)
    for subject_id, place, *lists in rows:
        by_name = zip(_OF_SUBJECTS, lists, strict=True)
        counts = {name: _counts(zip(place, one, strict=True)) for name, one in by_name}
        yield Series(Subject(kind, subject_id), **counts, features=of_subject.get(subject_id, {}))


def _counts(by_day: Iterable[tuple[int, int]]) -> Counts:
    return Counts({day: number for day, number in by_day if number})


def _judge(judging: Backtest, some: Iterable[Series]) -> None:
    for series in some:
        judging.add(series)

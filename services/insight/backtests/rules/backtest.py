"""The detectors over days gone by, subject by subject, with one subject in memory at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from services.insight.backtests.rules.adoption import Adoptions
from services.insight.backtests.rules.history import History, Series, Span
from services.insight.backtests.rules.outcomes import (
    FORTNIGHT,
    LOOKED_BACK,
    MONTH,
    OF_SUBJECTS,
    OUTCOMES,
    WEEK,
    leaves_feature,
    stays_given_up,
)
from services.insight.backtests.rules.scores import Report, Run, Tally
from services.insight.detection.rules.detect import detect
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    FeatureCounts,
    Fleet,
    InsightType,
    Snapshot,
    SubjectKind,
    Window,
    Windows,
)

Key = tuple[InsightType, str]
Said = Mapping[Key, float]
"""How sure the detectors were on one day, by type and feature, of what they said."""


def backtest(
    history: History,
    settings: DetectorSettings,
    step_days: int,
    progress: Callable[[float], None] = lambda _: None,
) -> Sequence[Report]:
    """What every detector would have said, and how often it was right; one report of each."""
    judging = Backtest(history.span, history.organisation, settings, step_days)
    for done, series in enumerate(history.subjects, 1):
        judging.add(series)
        progress(done / max(done, history.count))
    return judging.reports()


class Backtest:
    """A backtest in hand. The organisation comes first: others are judged beside it."""

    def __init__(
        self, span: Span, organisation: Series, settings: DetectorSettings, step_days: int
    ) -> None:
        self._span = span
        self._settings = settings
        self._days = range(max(span.judged_from, FORTNIGHT), span.days + 1, step_days)
        self._windows = {day: windows_of(span, day) for day in self._days}
        self._fleets = {
            day: Fleet(
                organisation.events.between(day - WEEK, day),
                organisation.events.between(day - 2 * WEEK, day - WEEK),
            )
            for day in self._days
        }
        self._tallies = {insight_type: Tally(insight_type) for insight_type in InsightType}
        self._adoptions = Adoptions(span, self._windows, settings)
        self.add(organisation)

    @property
    def runs(self) -> int:
        """How many days were judged."""
        return len(self._days)

    def add(self, series: Series) -> None:
        """Judge one subject."""
        days = list(self._of_interest(series))
        said = {day: self._said(series, day) for day in days}
        for insight_type in OF_SUBJECTS:
            self._tallies[insight_type].add(list(self._runs(series, insight_type, said)))
        for feature in series.features:
            self._add_feature(series, feature, said)
        if series.subject.kind is SubjectKind.USER:
            self._adoptions.add(series)

    def reports(self) -> Sequence[Report]:
        """One of each detector, by the number of its type."""
        return [tally.report() for tally in self.tallies()]

    def tallies(self) -> Sequence[Tally]:
        """The same, to be added up with those of other organisations; ends the backtest."""
        tally = self._tallies[InsightType.FEATURE_ADOPTION]
        for runs in self._adoptions.runs():
            tally.add(runs)
        return [self._tallies[insight_type] for insight_type in InsightType]

    def _of_interest(self, series: Series) -> Iterator[int]:
        """Days on which a detector could see anything of the subject."""
        first, last = series.events.first(), series.events.last()
        if first is None or last is None:
            return
        for day in self._days:
            if first < day <= last + LOOKED_BACK:
                yield day

    def _said(self, series: Series, day: int) -> Said:
        snapshot = snapshot_of(series, self._windows[day], day)
        found = detect(snapshot, self._settings, self._fleets[day]).findings
        return {(one.insight_type, one.subject.feature): one.confidence for one in found}

    def _runs(
        self, series: Series, insight_type: InsightType, said: Mapping[int, Said]
    ) -> Iterator[Run]:
        comes_true, key = OF_SUBJECTS[insight_type], (insight_type, "")
        for day, of_day in said.items():
            true = comes_true(series, day, self._settings) if self._is_over(key, day) else None
            yield Run(day, of_day.get(key), true, _warned(insight_type, of_day))

    def _add_feature(self, series: Series, feature: str, said: Mapping[int, Said]) -> None:
        counts, runs = series.features[feature], defaultdict[InsightType, list[Run]](list)
        stuck, given_up = InsightType.STUCK_USER, InsightType.FEATURE_ABANDONMENT
        for day, of_day in said.items():
            confidence, true = of_day.get((stuck, feature)), None
            if self._is_over((stuck, feature), day):
                true = leaves_feature(counts, day)
            runs[stuck].append(Run(day, confidence, true, confidence is not None))
            confidence, true = of_day.get((given_up, feature)), None
            if self._is_over((given_up, feature), day):
                true = stays_given_up(counts, day, self._settings)
            runs[given_up].append(Run(day, confidence, true, confidence is not None))
        for insight_type, of_type in runs.items():
            self._tallies[insight_type].add(of_type)

    def _is_over(self, key: Key, day: int) -> bool:
        """Whether the time has passed in which a warning of that day had to come true."""
        return day + OUTCOMES[key[0]].horizon <= self._span.days


def windows_of(span: Span, day: int) -> Windows:
    """The windows of a run at the end of the day before: whole days, for all subjects alike."""
    end = datetime.combine(span.first, time(), UTC) + timedelta(days=day)

    def window(start: int, until: int = 0) -> Window:
        return Window(end - timedelta(days=start), end - timedelta(days=until))

    return Windows(
        recent=window(WEEK),
        previous=window(FORTNIGHT, WEEK),
        silent=window(FORTNIGHT),
        busy=window(LOOKED_BACK, FORTNIGHT),
        month=window(MONTH),
    )


def snapshot_of(series: Series, windows: Windows, day: int) -> Snapshot:
    """What the detectors would have seen at the end of the day before."""
    week, events = day - WEEK, series.events
    recent, previous = events.between(week, day), events.between(day - FORTNIGHT, week)
    return Snapshot(
        subject=series.subject,
        windows=windows,
        recent=recent,
        previous=previous,
        silent=recent + previous,
        busy=events.between(day - LOOKED_BACK, day - FORTNIGHT),
        voice=series.voice.between(day - MONTH, day),
        reports=series.reports.between(day - MONTH, day),
        abandoned=series.abandoned.between(week, day),
        features={
            name: FeatureCounts(one.used.between(week, day), one.abandoned.between(week, day))
            for name, one in series.features.items()
        },
    )


def _warned(insight_type: InsightType, said: Said) -> bool:
    """churn_risk says all that declining_usage does, and more."""
    if (insight_type, "") in said:
        return True
    graver = (InsightType.CHURN_RISK, "")
    return insight_type is InsightType.DECLINING_USAGE and graver in said

"""feature_adoption over days gone by: of the organisation, added up from its users."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from services.insight.backtests.rules.history import Counts, Series, Span
from services.insight.backtests.rules.outcomes import FOUR_WEEKS, WEEK, stays_adopted
from services.insight.backtests.rules.scores import Run
from services.insight.detection.rules.detect import detect_adoption
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import Adoption, Population, Windows


class _Users:
    """How many there were in three weeks of a run: the recent, the one before, the fourth after."""

    def __init__(self, runs: int) -> None:
        self.recent, self.before, self.after = ([0] * runs for _ in range(3))

    def add(self, counts: Counts, days: Sequence[int]) -> None:
        """One user, who was there when there is anything."""
        first, last = counts.first(), counts.last()
        if first is None or last is None:
            return
        low, high = bisect_right(days, first - FOUR_WEEKS), bisect_right(days, last + 2 * WEEK)
        for place in range(low, high):
            day = days[place]
            self.recent[place] += counts.any(day - WEEK, day)
            self.before[place] += counts.any(day - 2 * WEEK, day - WEEK)
            self.after[place] += counts.any(day + FOUR_WEEKS - WEEK, day + FOUR_WEEKS)


class Adoptions:
    """Users of everything and of each feature, run by run."""

    def __init__(
        self, span: Span, windows: Mapping[int, Windows], settings: DetectorSettings
    ) -> None:
        self._span = span
        self._windows = windows
        self._settings = settings
        self._days = list(windows)
        self._active = _Users(len(windows))
        self._by_feature: dict[str, _Users] = {}

    def add(self, series: Series) -> None:
        """One user."""
        self._active.add(series.events, self._days)
        for feature, counts in series.features.items():
            users = self._by_feature.setdefault(feature, _Users(len(self._days)))
            users.add(counts.used, self._days)

    def runs(self) -> Iterator[Sequence[Run]]:
        """What was said of each feature, and what came of it."""
        for feature, users in self._by_feature.items():
            yield [self._run(place, feature, users) for place in range(len(self._days))]

    def _run(self, place: int, feature: str, users: _Users) -> Run:
        day, active_before = self._days[place], self._active.before[place]
        adoption = Adoption(feature, users.recent[place], users.before[place])
        active = self._active.recent[place]
        population = Population(self._windows[day], active, active_before, [adoption])
        found = detect_adoption(population, self._settings).findings
        true = None
        if day + FOUR_WEEKS <= self._span.days:
            later = users.after[place], self._active.after[place]
            true = stays_adopted(*later, users.before[place], active_before, self._settings)
        return Run(day, found[0].confidence if found else None, true, warned=bool(found))

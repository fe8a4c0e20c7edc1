"""feature_adoption over days gone by: of the organisation, added up from its users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from services.insight.backtests.rules.history import Counts, Series, Span
from services.insight.backtests.rules.outcomes import FOUR_WEEKS, WEEK, stays_adopted
from services.insight.backtests.rules.scores import Run
from services.insight.detection.rules.detect import detect_adoption
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import Adoption, Population, Windows

_WEEKS = ((-WEEK, 0), (-2 * WEEK, -WEEK), (FOUR_WEEKS - WEEK, FOUR_WEEKS))
"""From a run on: the recent week, the one before, and the fourth after."""


class _Users:
    """How many there were in each of the three weeks of each run."""

    def __init__(self, runs: int) -> None:
        self.recent, self.before, self.after = ([0] * runs for _ in _WEEKS)

    def add(self, counts: Counts, days: Sequence[int]) -> None:
        """One user, who was there when there is anything."""
        for there, (start, end) in zip((self.recent, self.before, self.after), _WEEKS, strict=True):
            for place, day in enumerate(days):
                if counts.between(day + start, day + end):
                    there[place] += 1


class Adoptions:
    """Users of everything and of each feature, run by run."""

    def __init__(self, span: Span, days: Sequence[int]) -> None:
        self._span = span
        self._days = days
        self._active = _Users(len(days))
        self._by_feature: dict[str, _Users] = {}

    def add(self, series: Series) -> None:
        """One user."""
        self._active.add(series.events, self._days)
        for feature, counts in series.features.items():
            users = self._by_feature.setdefault(feature, _Users(len(self._days)))
            users.add(counts.used, self._days)

    def runs(
        self, windows: Mapping[int, Windows], settings: DetectorSettings
    ) -> Iterator[Sequence[Run]]:
        """What was said of each feature, and what came of it."""
        for feature, users in self._by_feature.items():
            yield [
                self._run(place, day, feature, users, windows[day], settings)
                for place, day in enumerate(self._days)
            ]

    def _run(
        self,
        place: int,
        day: int,
        feature: str,
        users: _Users,
        windows: Windows,
        settings: DetectorSettings,
    ) -> Run:
        active, active_before = self._active.recent[place], self._active.before[place]
        adoption = Adoption(feature, users.recent[place], users.before[place])
        population = Population(windows, active, active_before, [adoption])
        found = detect_adoption(population, settings).findings
        true = None
        if day + FOUR_WEEKS <= self._span.days:
            later = users.after[place], self._active.after[place]
            true = stays_adopted(*later, users.before[place], active_before, settings)
        return Run(day, found[0].confidence if found else None, true, warned=bool(found))

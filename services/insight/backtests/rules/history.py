"""History: what subjects did day by day, from whatever source it comes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate, pairwise

from services.insight.detection.rules.vocabulary import Subject


class Counts:
    """How often on each day, for sums over any days; days without are not held."""

    __slots__ = ("_days", "_sums")

    def __init__(self, by_day: Mapping[int, int]) -> None:
        self._days = sorted(by_day)
        self._sums = [0, *accumulate(by_day[day] for day in self._days)]

    def between(self, start: int, end: int) -> int:
        """How often from one day to before another."""
        days = self._days
        return self._sums[bisect_left(days, end)] - self._sums[bisect_left(days, start)]

    def any(self, start: int, end: int) -> bool:
        """Whether at all."""
        return bisect_left(self._days, end) > bisect_left(self._days, start)

    def first(self) -> int | None:
        """The first day with any."""
        return self._days[0] if self._days else None

    def last(self) -> int | None:
        """The last day with any."""
        return self._days[-1] if self._days else None

    def longest_gap(self, start: int, end: int) -> int:
        """The most days in a row without any, from one day to before another."""
        low, high = bisect_left(self._days, start), bisect_left(self._days, end)
        marks = [start - 1, *self._days[low:high], end]
        return max(after - before - 1 for before, after in pairwise(marks))


NEVER = Counts({})


@dataclass(frozen=True, slots=True)
class FeatureSeries:
    """Uses and abandonments of one feature."""

    used: Counts = NEVER
    abandoned: Counts = NEVER


@dataclass(frozen=True, slots=True)
class Series:
    """What one subject did, by the number of the day."""

    subject: Subject
    events: Counts = NEVER
    voice: Counts = NEVER
    reports: Counts = NEVER
    abandoned: Counts = NEVER
    features: Mapping[str, FeatureSeries] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """The days that are known, counted from 0, and where the runs begin.

    Days before `judged_from` are only looked back at.
    """

    first: date
    days: int
    judged_from: int = 14


@dataclass(frozen=True, slots=True)
class History:
    """An organisation's own, its users' and its clients' days. Subjects may come one by one."""

    span: Span
    organisation: Series
    subjects: Iterable[Series]
    count: int
    """How many they are, for the progress."""

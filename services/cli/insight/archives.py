"""Activity out of a file, counted by day: what the detectors are judged over.

What is held is a number per person and day, however many rows there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.cli.importing.sources import (
    BadRow,
    FileUnreadable,
    Position,
    Row,
    Source,
    open_source,
)
from services.cli.importing.times import Times
from services.insight.backtests.rules.history import NEVER, Counts, History, Series, Span
from services.insight.detection.rules.vocabulary import ORGANISATION, Subject, SubjectKind

COLUMNS = ("unix_ts", "org", "user", "event")
BOT = "bot"
"""A column that may be missing: what bots did is left out."""

_DAY_MICROS = 86_400 * 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_TRUE = frozenset({"1", "true", "yes"})
_EVENTS = "events"
_APART: Mapping[str, str] = {
    "voice_generation": "voice",
    "report_generated": "reports",
    "feature_abandoned": "abandoned",
}
"""Events that detectors count apart too."""

_TOLD_EVERY_ROWS = 5_000

Daily = dict[str, Counter[int]]
"""How often on each day since 1970, by what is counted."""


@dataclass(slots=True)
class Archive:
    """All that a file holds, by organisation and person; the organisation itself has no name."""

    organisations: dict[str, dict[str, Daily]] = field(default_factory=dict)
    events: int = 0
    bots: int = 0
    unreadable: int = 0
    last: int = 0
    """The last day with anything."""

    @property
    def users(self) -> int:
        """Who is in two organisations is one."""
        return len({name for people in self.organisations.values() for name in people if name})

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last with anything."""
        first = min(min(people[""][_EVENTS]) for people in self.organisations.values())
        return _date(first), _date(self.last)

    def histories(self, judged_from: date | None = None) -> Iterator[History]:
        """Of each organisation, from its own first day to the last one of the file."""
        for people in self.organisations.values():
            first = min(people[""][_EVENTS])
            judged = judged_from.toordinal() - _EPOCH - first if judged_from else 0
            users = [(name, daily) for name, daily in people.items() if name]
            yield History(
                span=Span(_date(first), self.last - first + 1, judged),
                organisation=_series(ORGANISATION, people[""], first),
                subjects=(
                    _series(Subject(SubjectKind.USER, name), daily, first) for name, daily in users
                ),
                count=len(users),
            )

    def add(self, values: Mapping[str, Any], day: int) -> None:
        """Count one row."""
        if str(values.get(BOT, "")).lower() in _TRUE:
            self.bots += 1
            return
        people = self.organisations.setdefault(str(values["org"]), {"": {}})
        name, kind = str(values["user"] or ""), _APART.get(values["event"])
        for whose in {"", name}:
            daily = people.setdefault(whose, {})
            for counted in (_EVENTS, kind):
                if counted:
                    daily.setdefault(counted, Counter())[day] += 1
        self.events += 1
        self.last = max(self.last, day)


def read(
    path: Path, bounds: tuple[int, int], progress: Callable[[Position], None] = lambda _: None
) -> Archive:
    """What happened in the file from and to before a time, in microseconds since 1970.

    Raises FileUnreadable when there is nothing to judge.
    """
    source, archive, times = open_source(path, None), Archive(), Times(ZoneInfo("UTC"))
    start, end = bounds
    for row in source.rows():
        if row.number == 1:
            _check(source, path)
        if row.number % _TOLD_EVERY_ROWS == 0:
            progress(source.position())
        moment = _moment(row.values, times) if isinstance(row, Row) else None
        if moment is None or isinstance(row, BadRow):
            archive.unreadable += 1
        elif start <= moment < end:
            archive.add(row.values, moment // _DAY_MICROS)
    if not archive.organisations:
        raise FileUnreadable(f"{path} holds nothing to judge.")
    return archive


def _check(source: Source, path: Path) -> None:
    if source.columns is None:
        return
    if missing := [name for name in COLUMNS if name not in source.columns]:
        raise FileUnreadable(
            f"{path} has no column {' or '.join(missing)}; it needs {', '.join(COLUMNS)}, and may "
            f"have {BOT}."
        )


def _moment(values: Mapping[str, Any], times: Times) -> int | None:
    """When a row happened; None when it does not say all that is needed."""
    if not values.get("org") or "user" not in values or "event" not in values:
        return None
    try:
        return times.read(values["unix_ts"])
    except (KeyError, ValueError, OverflowError):
        return None


def _series(subject: Subject, daily: Daily, first: int) -> Series:
    """Its days counted from the organisation's first."""

    def counts(name: str) -> Counts:
        of_days = daily.get(name)
        return Counts({day - first: n for day, n in of_days.items()}) if of_days else NEVER

    return Series(
        subject,
        events=counts(_EVENTS),
        voice=counts("voice"),
        reports=counts("reports"),
        abandoned=counts("abandoned"),
    )


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)

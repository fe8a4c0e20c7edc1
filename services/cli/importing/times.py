"""When a row happened: texts, numbers and local times as microseconds since 1970."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from services.cli.local_time import Doubt, doubt, in_utc

_MICROS = 1_000_000
# The unit of a bare number, by its size: each reaches from 1973 to beyond 5000.
_UNITS = ((10**11, 1), (10**14, 1_000), (10**17, 1_000_000), (10**20, 1_000_000_000))


class NoZone(ValueError):
    """A time of the file says no zone, and nobody said which is meant."""


@dataclass(slots=True)
class Times:
    """Reads times; a local one needs a zone. Counts the doubtful ones."""

    zone: ZoneInfo | None = None
    pattern: str | None = None
    """For `strptime`, where the times are of no known form."""
    doubts: Counter[Doubt] = field(default_factory=Counter)

    def read(self, value: Any) -> int:
        """Microseconds since 1970; ValueError when it is no time, NoZone when that is missing."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_number(value)
        if isinstance(value, date):
            return self._from_moment(_midnight(value))
        text = str(value).strip()
        if self.pattern is not None:
            return self._from_moment(datetime.strptime(text, self.pattern))  # noqa: DTZ007
        if _is_number(text):
            return _from_number(int(text) if text.isdecimal() else float(text))
        return self._from_moment(_from_text(text))

    def _from_moment(self, moment: datetime) -> int:
        if moment.tzinfo is None:
            if self.zone is None:
                raise NoZone
            if (found := doubt(moment, self.zone)) is not None:
                self.doubts[found] += 1
            moment = in_utc(moment, self.zone)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * _MICROS + since.microseconds


# Files are mostly sorted by time.
@lru_cache(maxsize=1024)
def _from_text(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; ISO 8601 and Unix time are known, others by --time-format"
        ) from None


def _midnight(value: date) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - local, as all dates


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isdecimal() and digits.isascii()


def _from_number(value: float) -> int:
    for below, per_second in _UNITS:
        if abs(value) < below:
            if isinstance(value, int):
                return value * _MICROS // per_second
            return round(value * _MICROS / per_second)
    raise ValueError(f"{value} is no Unix time")

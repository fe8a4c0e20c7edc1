"""What can be counted anew, by the clock. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

FLOOR = datetime(2000, 1, 1, tzinfo=UTC)
"""No event is older."""

BEFORE_ALL = FLOOR - timedelta(days=1)
_DAY = timedelta(days=1)


class Piece(NamedTuple):
    """A stretch of time: what happened after the one, and no later than the other."""

    after: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Cuts:
    """Since when all events are still there, by type: older counters cannot be counted anew."""

    of_types: Mapping[int, datetime]
    of_others: datetime
    day: date
    """Of the latter."""


@dataclass(frozen=True, slots=True)
class Counting:
    """Whose events are counted, in which zone, since when, and how far the log is folded."""

    org_id: UUID
    zone: str
    cuts: Cuts
    position: int


def cuts(days: int | None, days_by_type: Mapping[int, int], now: datetime, zone: str) -> Cuts:
    """Midnights, where hours begin in every zone; retention of organisation and types in days."""
    of_types = {type_id: _cut(own, now, zone) for type_id, own in days_by_type.items()}
    of_others = _cut(days, now, zone)
    return Cuts(of_types, of_others, of_others.astimezone(ZoneInfo(zone)).date())


def _cut(days: int | None, now: datetime, zone: str) -> datetime:
    if days is None:
        return BEFORE_ALL
    oldest = max(FLOOR, now - timedelta(days=days)).astimezone(ZoneInfo(zone))
    return datetime.combine(oldest.date() + _DAY, time(), ZoneInfo(zone)).astimezone(UTC)

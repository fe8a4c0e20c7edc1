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
_HOUR = timedelta(hours=1)


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


class First(NamedTuple):
    """The first that is known of some events: of those still kept, and the hour counted first."""

    event: datetime | None
    hour: datetime | None


class Kept(NamedTuple):
    """For how many days events are kept today, None for ever, and what is the first of them."""

    days: int | None
    first: First


def cuts(others: Kept, by_type: Mapping[int, Kept], now: datetime, zone: str) -> Cuts:
    """Midnights, where hours begin in every zone.

    Behind today's retention, and behind what is gone already: it may have been shorter once.
    """
    of_types = {type_id: _cut(kept, now, zone) for type_id, kept in by_type.items()}
    of_others = _cut(others, now, zone)
    return Cuts(of_types, of_others, of_others.astimezone(ZoneInfo(zone)).date())


def _cut(kept: Kept, now: datetime, zone: str) -> datetime:
    oldest = [] if kept.days is None else [max(FLOOR, now - timedelta(days=kept.days))]
    first, hour = kept.first
    if hour is not None and (first is None or hour + _HOUR <= first):
        oldest.append(now + _DAY if first is None else first)
    return _midnight_after(max(oldest), zone) if oldest else BEFORE_ALL


def _midnight_after(moment: datetime, zone: str) -> datetime:
    following = moment.astimezone(ZoneInfo(zone)).date() + _DAY
    return datetime.combine(following, time(), ZoneInfo(zone)).astimezone(UTC)

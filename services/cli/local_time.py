"""Local times without a zone, read in one.

A zone makes two kinds of wall clock time doubtful, once a year each: an hour that is skipped and an
hour that comes twice. Both are read as RFC 5545 does: a doubled time as the first pass, a skipped
one with the offset that held before (half past two in a skipped hour is half past three).
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Doubt(StrEnum):
    """What is doubtful about a local time."""

    SKIPPED = "skipped"
    """No clock showed it: it lies in the hour that was left out."""
    DOUBLED = "doubled"
    """Clocks showed it twice."""


class UnknownZone(ValueError):
    """There is no such time zone."""


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(
            f"{name!r} is no time zone; names look like America/New_York or UTC"
        ) from error


def in_utc(local: datetime, where: ZoneInfo) -> datetime:
    """The instant that clocks in the zone showed as the naive `local`."""
    return local.replace(tzinfo=where, fold=0).astimezone(UTC)


def doubt(local: datetime, where: ZoneInfo) -> Doubt | None:
    """Whether the time is one of the doubtful ones."""
    first = local.replace(tzinfo=where, fold=0).utcoffset()
    second = local.replace(tzinfo=where, fold=1).utcoffset()
    if first is None or second is None or first == second:
        return None
    return Doubt.DOUBLED if first > second else Doubt.SKIPPED

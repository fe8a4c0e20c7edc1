"""Which hours and days a snapshot counts. Pure: the time and the zone are arguments."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.insight.detection.rules.vocabulary import Window, Windows

WEEK_DAYS = 7
SILENT_DAYS = 14
MONTH_DAYS = 30
BUSY_DAYS = 60
TREND_DAYS = 28

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


def last_day(as_of: datetime, zone: str) -> date:
    """The day that is under way in the organisation's zone; at midnight the one that just ended."""
    return (as_of - _TICK).astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> datetime:
    """When a day begins there."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def hourly(as_of: datetime, zone: str) -> Windows:
    """Those of the organisation: whole local hours up to the one that is under way."""
    last = (as_of - _TICK).astimezone(ZoneInfo(zone))
    past = timedelta(minutes=last.minute, seconds=last.second, microseconds=last.microsecond)
    end = last.astimezone(UTC) - past + _HOUR

    def ago(days: int) -> datetime:
        return end - days * _DAY

    return Windows(
        recent=Window(ago(WEEK_DAYS), as_of),
        previous=Window(ago(2 * WEEK_DAYS), ago(WEEK_DAYS)),
        silent=Window(ago(SILENT_DAYS), end),
        busy=Window(ago(BUSY_DAYS), ago(SILENT_DAYS)),
        month=Window(ago(MONTH_DAYS), end),
    )


def daily(as_of: datetime, zone: str) -> Windows:
    """Those of users and clients: whole local days up to the one that is under way."""
    following = last_day(as_of, zone) + _DAY

    def ago(days: int) -> datetime:
        return midnight(following - days * _DAY, zone)

    return Windows(
        recent=Window(ago(WEEK_DAYS), as_of),
        previous=Window(ago(2 * WEEK_DAYS), ago(WEEK_DAYS)),
        silent=Window(ago(SILENT_DAYS), ago(0)),
        busy=Window(ago(BUSY_DAYS), ago(SILENT_DAYS)),
        month=Window(ago(MONTH_DAYS), ago(0)),
    )

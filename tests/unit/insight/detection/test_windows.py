"""Which hours and days are counted, also where clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules import windows
from services.insight.detection.rules.vocabulary import Windows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe")


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(ZONES),
)
def test_windows_join_without_gap_and_hold_all_before_the_time(as_of: datetime, zone: str) -> None:
    local = ZoneInfo(zone)
    for found in (windows.hourly(as_of, zone), windows.daily(as_of, zone)):
        end = found.silent.end
        assert found.recent.end == as_of <= end
        assert found.previous.end == found.recent.start
        assert found.busy.end == found.silent.start == found.previous.start
        assert found.month.end == end
        assert found.recent.start < as_of
    daily, hourly = windows.daily(as_of, zone), windows.hourly(as_of, zone)
    starts = [daily.recent.start, daily.previous.start, daily.busy.start, daily.month.start]
    days = [(windows.last_day(as_of, zone) - one.astimezone(local).date()).days for one in starts]
    assert days == [6, 13, 59, 29]
    assert all(one.astimezone(local).time().hour in {0, 1} for one in starts)
    assert hourly.month.end - as_of < HOUR
    # A clock that moves by half an hour leaves an hour behind that ends at half past.
    half_past = {30} if zone == "Australia/Lord_Howe" else set()
    assert hourly.month.end.astimezone(local).minute in {0, *half_past}
    spans = [hourly.recent.start, hourly.previous.start, hourly.busy.start, hourly.month.start]
    assert [hourly.month.end - one for one in spans] == [7 * DAY, 14 * DAY, 60 * DAY, 30 * DAY]


def test_at_midnight_the_day_that_just_ended_is_the_last() -> None:
    midnight = datetime(2026, 3, 10, tzinfo=UTC)
    assert windows.last_day(midnight, "UTC") == date(2026, 3, 9)
    found = windows.daily(midnight, "UTC")
    assert found.recent.start == midnight - 7 * DAY
    assert windows.hourly(midnight, "UTC") == found
    just_after = midnight + timedelta(microseconds=1)
    assert windows.daily(just_after, "UTC").recent.start == midnight - 6 * DAY
    assert windows.hourly(just_after, "UTC").recent.start == midnight - 7 * DAY + HOUR


@pytest.mark.parametrize(
    ("as_of", "hours"),
    [(datetime(2026, 3, 30, 12, tzinfo=UTC), 167), (datetime(2026, 10, 26, 12, tzinfo=UTC), 169)],
)
def test_a_week_of_days_is_longer_or_shorter_when_the_clocks_change(
    as_of: datetime, hours: int
) -> None:
    later: Windows = windows.daily(as_of + 7 * DAY, "Europe/Berlin")
    assert later.previous.end - later.previous.start == hours * HOUR

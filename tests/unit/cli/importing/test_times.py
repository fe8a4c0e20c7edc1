"""Times as files have them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from services.cli.importing.times import NoZone, Times

MOMENT = 1_357_035_300_000_000


@pytest.mark.parametrize(
    "value",
    [
        "2013-01-01T10:15:00Z",
        "2013-01-01 11:15:00+01:00",
        "1357035300.000",
        "1357035300.0",
        1357035300,
        1357035300000,
        1357035300000000,
        1357035300000000000,
        datetime(2013, 1, 1, 10, 15, tzinfo=UTC),
    ],
)
def test_one_moment_has_many_spellings(value: object) -> None:
    assert Times().read(value) == MOMENT


def test_microseconds_are_kept() -> None:
    assert Times().read("2013-01-01T10:15:00.123456Z") == MOMENT + 123_456
    assert Times().read("1357035300.25") == MOMENT + 250_000


def test_a_local_time_needs_a_zone() -> None:
    with pytest.raises(NoZone):
        Times().read("2013-01-01 05:15")
    assert Times(ZoneInfo("America/New_York")).read("2013-01-01 05:15") == MOMENT
    assert Times(ZoneInfo("America/New_York")).read(date(2013, 1, 1)) == MOMENT - 18_900_000_000


def test_doubtful_times_are_counted() -> None:
    times = Times(ZoneInfo("America/New_York"))
    for text in ("2013-11-03 01:30", "2013-11-03 01:30", "2013-03-10 02:30", "2013-05-05 05:05"):
        times.read(text)
    assert {str(what): count for what, count in times.doubts.items()} == {
        "doubled": 2,
        "skipped": 1,
    }


def test_other_forms_are_told_by_a_pattern() -> None:
    assert Times(ZoneInfo("UTC"), "%d.%m.%Y %H:%M").read("01.01.2013 10:15") == MOMENT


@pytest.mark.parametrize("value", ["yesterday", "01/02/2013", "2013-13-01", "", "1e400", "-", "."])
def test_what_is_no_time_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Times(ZoneInfo("UTC")).read(value)

"""Local times: the two doubtful hours of a year, and everything else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.cli.local_time import Doubt, UnknownZone, doubt, in_utc, zone

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("local", "utc", "doubtful"),
    [
        ("2013-01-01 05:15", "2013-01-01 10:15", None),
        ("2013-07-01 05:15", "2013-07-01 09:15", None),
        ("2013-03-10 01:59", "2013-03-10 06:59", None),
        ("2013-03-10 02:30", "2013-03-10 07:30", Doubt.SKIPPED),
        ("2013-03-10 03:00", "2013-03-10 07:00", None),
        ("2013-11-03 00:59", "2013-11-03 04:59", None),
        ("2013-11-03 01:30", "2013-11-03 05:30", Doubt.DOUBLED),
        ("2013-11-03 02:00", "2013-11-03 07:00", None),
    ],
)
def test_a_local_time_is_one_instant(local: str, utc: str, doubtful: Doubt | None) -> None:
    moment, where = datetime.fromisoformat(local), zone(NEW_YORK)
    assert in_utc(moment, where) == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert doubt(moment, where) is doubtful


def test_half_an_hour_is_skipped_where_clocks_move_by_that() -> None:
    moment = datetime.fromisoformat("2013-10-06 02:15")
    assert doubt(moment, zone("Australia/Lord_Howe")) is Doubt.SKIPPED


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "EST5EDT4"])
def test_no_such_zone_is_said_with_examples(name: str) -> None:
    with pytest.raises(UnknownZone, match="America/New_York"):
        zone(name)

"""Days and moments on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from services.cli.moments import BeginningOf, EndOf


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        (EndOf(), "2013-12-31", "2014-01-01T00:00:00Z"),
        (BeginningOf(), "2013-12-31", "2013-12-31T00:00:00Z"),
        (EndOf(), "2013-12-31T18:00:00Z", "2013-12-31T18:00:00Z"),
        (EndOf(), "2013-12-31T18:00:00-05:00", "2013-12-31T23:00:00Z"),
        (BeginningOf(), "2013-12-31T18:00:00.5+01:00", "2013-12-31T17:00:00.500Z"),
    ],
)
def test_a_day_is_its_end_or_its_beginning_and_a_moment_is_itself(
    kind: BeginningOf, text: str, meant: str
) -> None:
    assert kind.convert(text, None, None).ToJsonString() == meant


@pytest.mark.parametrize(
    "text", ["yesterday", "2013-12-32", "2013-12-31T18:00:00", "", "9999-12-31", "1_01-01-01"]
)
@pytest.mark.parametrize("kind", [EndOf(), BeginningOf()])
def test_what_is_no_time_is_refused_with_one_that_is(kind: BeginningOf, text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"2013-12-31T18:00:00Z|is not over yet"):
        kind.convert(text, None, None)


def test_what_lies_ahead_is_refused_here_and_not_by_the_service() -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for text in (f"{tomorrow:%Y-%m-%d}", tomorrow.isoformat()):
        with pytest.raises(click.BadParameter, match="not over yet"):
            EndOf().convert(text, None, None)

"""Pictures: right without colour, and never longer than they may be."""

from __future__ import annotations

import io
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from services.cli.terminal import blocks, consoles
from services.cli.terminal.pictures import Bar, bar_chart, calendar, column_chart, heat_line

YEAR = {date(2013, 1, 1) + timedelta(days=n): n for n in range(365)}


def drawn(picture: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(picture)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.integers(1, 80))
def test_a_bar_fits_and_only_nothing_is_invisible(value: float, most: float, width: int) -> None:
    bar = blocks.bar(value, most, width)
    assert len(bar) <= width
    assert bool(bar) == (value > 0 and most > 0)


@given(st.lists(st.integers(0, 10**9), max_size=80), st.integers(1, 10))
def test_columns_and_sparks_have_one_character_per_value(values: list[int], height: int) -> None:
    assert len(blocks.spark(values)) == len(values)
    lines = blocks.columns(values, height)
    assert [len(line) for line in lines] == [len(values)] * height
    if any(values):
        assert "█" in lines[0]


def test_shades_go_from_nothing_to_most() -> None:
    assert [blocks.shade(value, 100) for value in (0, 1, 50, 100, 200)] == [0, 1, 2, 4, 4]


def test_a_calendar_has_a_line_per_weekday_and_names_the_months() -> None:
    lines = drawn(calendar({day: float(value) for day, value in YEAR.items()})).splitlines()
    assert [line[:3] for line in lines[:7]] == ["Mon", "   ", "Wed", "   ", "Fri", "   ", "Sun"]
    assert "Feb" in lines[7]
    assert "Dec" in lines[7]
    assert lines[1][4] == "·"  # the first of January 2013 was a Tuesday


def test_a_column_chart_says_how_high_the_highest_is() -> None:
    assert "2,513 a week" in drawn(column_chart({day: float(n) for day, n in YEAR.items()}))


def test_bars_carry_their_numbers_and_notes() -> None:
    text = drawn(bar_chart([Bar("one", 1234, "note"), Bar("two", 0)]))
    assert "1,234" in text
    assert "note" in text


def test_a_heat_line_is_two_characters_per_value() -> None:
    assert heat_line([0, 1, 2]).plain == "··▒▒██"


def test_there_is_no_colour_where_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = consoles.answers()
    with console.capture() as capture:
        console.print(heat_line([1, 2, 3]))
    assert "\x1b[3" not in capture.get()

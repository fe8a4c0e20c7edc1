"""Pictures of what is known, for rich to print: bars, columns, a calendar, hours of the day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rich.table import Table
from rich.text import Text

from services.cli.terminal import blocks

WARM = ("bright_black", "bright_black", "yellow", "dark_orange", "bold red")
"""For what is better rare."""
COOL = ("bright_black", "blue", "dodger_blue2", "cyan", "bold bright_cyan")
"""For what is only much or little."""

_WEEKDAYS = ("Mon", "", "Wed", "", "Fri", "", "Sun")
_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart."""

    label: str
    value: float
    note: str = ""


def bar_chart(bars: Sequence[Bar], width: int = 40, style: str = "cyan") -> Table:
    """Lying bars, each with its number and a note."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, min_width=width)
    table.add_column(style="dim", no_wrap=True)
    most = max((bar.value for bar in bars), default=0)
    for bar in bars:
        drawn = Text(blocks.bar(bar.value, most, width), style)
        table.add_row(bar.label, f"{bar.value:,.0f}", drawn, bar.note)
    return table


def column_chart(days: Mapping[date, float], height: int = 6, style: str = "cyan") -> Text:
    """Standing bars, one per week, with the months below and the highest week beside them."""
    weeks: dict[date, float] = {}
    for day, value in sorted(days.items()):
        first = day - timedelta(days=day.weekday())
        weeks[first] = weeks.get(first, 0) + value
    lines = blocks.columns(list(weeks.values()), height)
    chart = Text()
    for number, line in enumerate(lines):
        chart.append(" " * _MARGIN + line.ljust(len(weeks)), style)
        chart.append(f" {max(weeks.values(), default=0):,.0f} a week\n" if number == 0 else "\n")
    return chart.append(" " * _MARGIN + _months(list(weeks)), "dim")


def calendar(days: Mapping[date, float], styles: Sequence[str] = WARM) -> Text:
    """A year at a glance: weeks from left to right, Monday at the top, a shade per day."""
    most = max(days.values(), default=0)
    weeks = sorted({day - timedelta(days=day.weekday()) for day in days})
    picture = Text()
    for weekday, name in enumerate(_WEEKDAYS):
        picture.append(f"{name:{_MARGIN}}", "dim")
        for week in weeks:
            value = days.get(week + timedelta(days=weekday))
            _cell(picture, value, most, styles)
        picture.append("\n")
    return picture.append(" " * _MARGIN + _months(weeks), "dim")


def heat_line(values: Sequence[float], styles: Sequence[str] = COOL) -> Text:
    """A shade per value, two characters wide."""
    most = max(values, default=0)
    line = Text()
    for value in values:
        _cell(line, value, most, styles, width=2)
    return line


def _cell(
    text: Text, value: float | None, most: float, styles: Sequence[str], width: int = 1
) -> None:
    if value is None:
        text.append(" " * width)
        return
    step = blocks.shade(value, most)
    text.append(blocks.SHADES[step] * width, styles[step])


def _months(weeks: Sequence[date]) -> str:
    """The names of months, each below the week in which it begins, where there is room."""
    line = ""
    for column, week in enumerate(weeks[:-1]):
        begins = next((d for d in (week + timedelta(days=n) for n in range(7)) if d.day == 1), None)
        if begins is not None and len(line) <= column:
            line = line.ljust(column) + f"{begins:%b} "
    return line.rstrip()

"""What the year means: insights as of days gone by, and whether they would have been right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from footfall.insights.v1.insight_pb2 import Insight, InsightType
from footfall.insights.v1.insight_requests_pb2 import (
    GenerateInsightsRequest,
    GenerateInsightsResponse,
)
from services.cli import telling
from services.cli.demo.cast import Organisation
from services.cli.demo.flights import TIME_ZONE
from services.cli.insight import views
from services.cli.insight.asking import insight_of
from services.cli.terminal.pictures import Bar, bar_chart

_STORM = date(2013, 2, 9)
_DAYS = {
    _STORM - timedelta(days=7): "a week before",
    _STORM: "after two days of snow",
    _STORM + timedelta(days=7): "a week after",
}
_LAST = "the last day that was replayed"
_SHOWN_OF_STORM, _SHOWN_OF_LAST = 3, 2
_KEPT = 10


@dataclass(frozen=True, slots=True)
class Day:
    """What stood out for anybody at the end of one day, the worst first."""

    day: date
    about: str
    found: Sequence[tuple[str, Insight]]
    unsure: Sequence[str]
    """Who has too few events for weeks to be compared."""

    @property
    def counts(self) -> Counter[str]:
        return Counter(views.type_name(one.insight_type) for _, one in self.found)


async def ask(cast: Mapping[str, Organisation], address: str, last: date) -> list[Day]:
    """Ask for every carrier, as itself, as of the end of each day; `last` is one of them."""
    days = {day: about for day, about in _DAYS.items() if day < last} | {last: _LAST}
    answers: dict[date, dict[str, GenerateInsightsResponse]] = {day: {} for day in days}
    for code, one in cast.items():
        async with insight_of(replace(one.caller, address=address)) as insight:
            for day in days:
                request = GenerateInsightsRequest(as_of=end_of(day))
                answers[day][code] = await insight.ask("GenerateInsights", request)
    return [_day(day, days[day], by_code) for day, by_code in answers.items()]


def pictures(days: Sequence[Day]) -> Iterable[RenderableType]:
    """How many there were on each day, and the worst of the storm and of the last day."""
    counts = [Bar(f"{one.day:%a %d %b %Y}", len(one.found), one.about) for one in days]
    yield Group(Text("\nOpen insights at the end of the day", "italic"), bar_chart(counts, 30))
    for one in days:
        if one.day == _STORM:
            yield from _worst(one, _SHOWN_OF_STORM)
    yield from _worst(days[-1], _SHOWN_OF_LAST)


def as_json(days: Iterable[Day]) -> list[dict[str, Any]]:
    return [
        {
            "as_of": end_of(one.day).ToJsonString(),
            "counts": dict(one.counts),
            "too_little_to_compare": list(one.unsure),
            "worst": [
                {"organisation": code, **telling.as_json(item)}
                for code, item in _varied(one.found, _KEPT)
            ],
        }
        for one in days
    ]


def end_of(day: date) -> Timestamp:
    """The midnight after a day, where the carriers are."""
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(TIME_ZONE))
    stamp = Timestamp()
    stamp.FromDatetime(end.astimezone(UTC))
    return stamp


def _day(day: date, about: str, answers: Mapping[str, GenerateInsightsResponse]) -> Day:
    found = [(code, item) for code, answer in answers.items() for item in answer.insights]
    unsure = [
        code
        for code, answer in answers.items()
        if any(one.insight_type == InsightType.INSIGHT_TYPE_CHURN_RISK
               for one in answer.insufficient)
    ]  # fmt: skip
    return Day(day, about, sorted(found, key=_worst_first), unsure)


def _worst(one: Day, most: int) -> Iterable[RenderableType]:
    counts = ", ".join(f"{count:,} {name}" for name, count in one.counts.most_common())
    yield Text(f"\n{one.day:%A %d %B %Y}, {one.about}: {counts or 'nothing'}", "italic")
    table = Table.grid(padding=(0, 1))
    for code, item in _varied(one.found, most):
        table.add_row(Text(code, "bold cyan"), views.insights([item]))
    yield table
    if one.unsure:
        yield Text(f"Too few flights to compare weeks, and said so: {', '.join(one.unsure)}", "dim")


def _varied(found: Sequence[tuple[str, Insight]], most: int) -> list[tuple[str, Insight]]:
    """The worst of each kind first, then the worst of what is left."""
    firsts = {(item.insight_type, bool(item.subject.feature)): (code, item)
              for code, item in reversed(found)}  # fmt: skip
    ordered = sorted(firsts.values(), key=_worst_first)
    rest = [one for one in found if one not in ordered]
    return [*ordered, *rest][:most]


def _worst_first(one: tuple[str, Insight]) -> tuple[float, float, float, str]:
    """As insight ranks them; among equals by what was counted first."""
    code, item = one
    counted = next((measured.value for measured in item.evidence.measurements), 0.0)
    return -item.severity, -item.weight, -counted, code

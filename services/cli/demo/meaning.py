"""What the year means: insights as of its last day, and as they looked on earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from footfall.insights.v1.insight_pb2 import Insight
from footfall.insights.v1.insight_requests_pb2 import GenerateInsightsRequest
from services.cli.demo.cast import Organisation
from services.cli.demo.flights import TIME_ZONE
from services.cli.insight import views
from services.cli.insight.asking import insight_of

_DAYS = (date(2013, 2, 10), date(2013, 9, 2), date(2013, 12, 31))
"""The end of a week of storms, the end of the summer, the end of the file."""
_SHOWN = (2, 2, 4)
_KEPT = 10


@dataclass(frozen=True, slots=True)
class Day:
    """What stood out for anybody at the end of one day, the worst first."""

    day: date
    found: Sequence[tuple[str, Insight]]

    @property
    def counts(self) -> Counter[str]:
        return Counter(views.type_name(one.insight_type) for _, one in self.found)


async def ask(cast: Mapping[str, Organisation], address: str) -> list[Day]:
    """Ask for every carrier, as itself, as of each of the days."""
    found: dict[date, list[tuple[str, Insight]]] = {day: [] for day in _DAYS}
    for code, one in cast.items():
        async with insight_of(replace(one.caller, address=address)) as insight:
            for day in _DAYS:
                request = GenerateInsightsRequest(as_of=_end_of(day))
                answer = await insight.ask("GenerateInsights", request)
                found[day] += [(code, item) for item in answer.insights]
    return [Day(day, sorted(items, key=_worst_first)) for day, items in found.items()]


def pictures(days: Iterable[Day]) -> Iterable[RenderableType]:
    """Counts of each day, and the worst in full."""
    for one, shown in zip(days, _SHOWN, strict=True):
        counts = ", ".join(f"{count:,} {name}" for name, count in one.counts.most_common())
        head = Text(f"\nAs of the end of {one.day:%d %B %Y}: {counts or 'nothing'}", "italic")
        worst = [
            Group(Text(f"{code}", "bold cyan"), Padding(views.insights([item]), (0, 0, 0, 2)))
            for code, item in _varied(one.found, shown)
        ]
        yield Group(head, *worst)


def as_json(days: Iterable[Day]) -> list[dict[str, Any]]:
    return [
        {
            "as_of": _end_of(one.day).ToJsonString(),
            "counts": dict(one.counts),
            "worst": [
                {"organisation": code, **MessageToDict(item, preserving_proto_field_name=True)}
                for code, item in _varied(one.found, _KEPT)
            ],
        }
        for one in days
    ]


def _varied(found: Sequence[tuple[str, Insight]], most: int) -> list[tuple[str, Insight]]:
    """The worst of each type first, then the worst of what is left."""
    firsts = {item.insight_type: (code, item) for code, item in reversed(found)}
    ordered = sorted(firsts.values(), key=_worst_first)
    rest = [one for one in found if one not in ordered]
    return [*ordered, *rest][:most]


def _worst_first(one: tuple[str, Insight]) -> tuple[float, float, str]:
    code, item = one
    return -item.severity, -item.weight, code


def _end_of(day: date) -> Timestamp:
    """Midnight after it, where the carriers are."""
    end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(TIME_ZONE))
    stamp = Timestamp()
    stamp.FromDatetime(end.astimezone(UTC))
    return stamp

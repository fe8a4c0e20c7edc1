"""Whether the detectors would have been right through the year, at two carriers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from google.type.interval_pb2 import Interval
from rich.console import Group, RenderableType
from rich.text import Text

from footfall.insights.v1.backtest_pb2 import BacktestDetectorsRequest, BacktestDetectorsResponse
from footfall.insights.v1.insight_pb2 import INSIGHT_TYPE_STUCK_USER
from footfall.insights.v1.settings_pb2 import DetectorSettings
from services.cli import telling
from services.cli.demo.cast import Organisation
from services.cli.demo.meaning import end_of
from services.cli.insight import judging, views
from services.cli.insight.asking import insight_of

_FEWER = DetectorSettings(min_previous_events=10)
_CARRIERS: Mapping[str, tuple[str, DetectorSettings | None]] = {
    "MQ": ("whose aircraft leave New York one by one; weeks of 10 flights are compared", _FEWER),
    "VX": ("a small fleet that changes its routes; thresholds as they come", None),
}


_TOO_SHORT = Text("no warning in so short a time", "dim")
_MEANS = "right: it came true; seen: it had been warned of; ahead: the median of how many days"
_NOBODY_LEFT = "; nobody left for being stuck in the snow, and insight says so"


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What came of one carrier's warnings."""

    carrier: Organisation
    about: str
    answer: BacktestDetectorsResponse


async def look_back(
    cast: Mapping[str, Organisation], address: str, last: date
) -> Sequence[Hindsight]:
    """Have insight judge itself over everything up to the last day."""
    found = []
    for code, (about, settings) in _CARRIERS.items():
        request = BacktestDetectorsRequest(
            interval=Interval(end_time=end_of(last)), settings=settings
        )
        async with insight_of(replace(cast[code].caller, address=address)) as insight:
            answer = await judging.ask(insight, request, lambda _: None)
        found.append(Hindsight(cast[code], about, answer))
    return found


def pictures(found: Sequence[Hindsight]) -> Iterable[RenderableType]:
    """What was said through the year, how often it was right, and how early."""
    yield Text("\nWould they have been right? A run a week, and what came after", "italic")
    reports = [report for one in found for report in one.answer.reports if report.alerts]
    for one in found:
        head = Text(f"{one.carrier.code} {one.carrier.name}", "bold cyan").append(
            f", {one.about}", "dim"
        )
        spoke = [report for report in one.answer.reports if report.alerts]
        yield Group(head, views.report_table(spoke) if spoke else _TOO_SHORT)
    if reports:
        stuck = [one for one in reports if one.insight_type == INSIGHT_TYPE_STUCK_USER]
        nobody_left = any(one.judged for one in stuck) and not any(one.true_alerts for one in stuck)
        yield Text(_MEANS + (_NOBODY_LEFT if nobody_left else ""), "dim")


def as_json(found: Iterable[Hindsight]) -> list[dict[str, Any]]:
    return [
        {"organisation": one.carrier.code, "about": one.about, **telling.as_json(one.answer)}
        for one in found
    ]

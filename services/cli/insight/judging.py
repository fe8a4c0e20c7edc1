"""How often the detectors were right: asked of insight, or reckoned here over a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import click

from footfall.insights.v1.backtest_pb2 import (
    BacktestDetectorsRequest,
    BacktestDetectorsResponse,
    DetectorReport,
)
from services.cli import telling
from services.cli.calling import CallRefused
from services.cli.importing.sources import Position
from services.cli.insight import archives, thresholds
from services.cli.insight.archives import Archive
from services.cli.insight.asking import Insight
from services.insight.backtests.rules.backtest import Backtest
from services.insight.backtests.rules.scores import Tally
from services.insight.backtests.wire import to_report
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import InsightType
from services.insight.detector_settings.errors import SettingsContradict
from services.insight.detector_settings.rules import apply
from services.insight.detector_settings.wire import from_settings
from shared.errors import Violation
from shared.rpc.validation import Rules

_READING = 0.2
"""The part of the work that reading a file is, about."""

Tell = Callable[[float], None]
"""How much is done, 0 to 1."""


async def ask(
    insight: Insight, request: BacktestDetectorsRequest, tell: Tell
) -> BacktestDetectorsResponse:
    """Insight's judgement over the organisation's own history."""
    answer = None
    async for answer in insight.follow("BacktestDetectors", request):
        tell(answer.progress)
    if not isinstance(answer, BacktestDetectorsResponse):
        raise CallRefused("The backtest ended without a word.")
    return answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a file."""

    archive: Archive
    step_days: int
    runs: int
    reports: Sequence[DetectorReport]

    def as_json(self) -> dict[str, Any]:
        archive, (first, last) = self.archive, self.archive.days
        return {
            "organisations": len(archive.organisations),
            "users": archive.users,
            "events": archive.events,
            "bots_left_out": archive.bots,
            "unreadable": archive.unreadable,
            "first_day": first.isoformat(),
            "last_day": last.isoformat(),
            "step_days": self.step_days,
            "runs": self.runs,
            "reports": [telling.as_json(one) for one in self.reports],
        }

    def in_words(self) -> str:
        """What it was judged over."""
        archive, (first, last) = self.archive, self.archive.days
        unreadable = f"; {archive.unreadable:,} rows were unreadable" if archive.unreadable else ""
        return (
            f"{len(archive.organisations):,} organisations, {archive.users:,} users, "
            f"{archive.events:,} events from {first} to {last} (days of UTC; {archive.bots:,} of "
            f"bots left out{unreadable}), {self.runs:,} runs {self.step_days} days apart"
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """How a file is judged."""

    step_days: int
    settings: DetectorSettings
    judged_from: date | None
    """Days before are only looked back at."""
    until_micros: int
    """What happened then or later is left out."""


def settings_of(changes: Sequence[str]) -> DetectorSettings:
    """The default thresholds, but for `name=value` pairs; refused as the service would."""
    wish = thresholds.changed(changes, "")
    if broken := Rules().violations(wish):
        raise _refused(broken)
    try:
        return apply(DetectorSettings(), from_settings(wish), version=0)
    except SettingsContradict as error:
        raise _refused(error.violations) from None


def _refused(violations: Sequence[Violation]) -> click.UsageError:
    told = "; ".join(f"{one.field.split('.', 1)[-1]} {one.description}" for one in violations)
    return click.UsageError(f"These thresholds will not do: {told}.")


def judge(path: Path, terms: Terms, tell: Tell) -> Judgement:
    """Every organisation of the file by itself, and the scores of all added up."""

    def reading(position: Position) -> None:
        if position.total:
            tell(_READING * position.done / position.total)

    archive = archives.read(path, (0, terms.until_micros), reading)
    tallies = [Tally(insight_type) for insight_type in InsightType]
    runs, everybody = 0, sum(len(people) for people in archive.organisations.values())
    done = 0
    for history in archive.histories(terms.judged_from):
        own = history.organisation
        judging = Backtest(history.span, own, terms.settings, terms.step_days)
        for series in history.subjects:
            judging.add(series)
            done += 1
            tell(_READING + (1 - _READING) * done / everybody)
        runs += judging.runs
        for tally, other in zip(tallies, judging.tallies(), strict=True):
            tally.merge(other)
    return Judgement(archive, terms.step_days, runs, [to_report(one.report()) for one in tallies])

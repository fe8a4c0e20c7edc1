"""Backtests between the wire and values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp

from footfall.insights.v1 import backtest_pb2 as pb
from footfall.insights.v1 import insight_pb2
from services.insight.backtests.errors import IntervalBackwards
from services.insight.backtests.rules.scores import Report
from services.insight.detector_settings.rules import Change
from services.insight.detector_settings.wire import from_settings
from shared.errors import InvalidField

_USUAL_STEP = 7

Bounds = tuple[datetime | None, datetime | None]


def from_interval(request: pb.BacktestDetectorsRequest) -> Bounds:
    """Where the history begins and ends. Raises InvalidField."""
    sent = request.interval
    start = _moment(sent.start_time, "start_time") if sent.HasField("start_time") else None
    end = _moment(sent.end_time, "end_time") if sent.HasField("end_time") else None
    if start is not None and end is not None and end <= start:
        raise IntervalBackwards.refused()
    return start, end


def from_step(request: pb.BacktestDetectorsRequest) -> int:
    """Days from run to run."""
    return request.step_days or _USUAL_STEP


def from_thresholds(request: pb.BacktestDetectorsRequest) -> Change | None:
    """The thresholds to judge; None for the organisation's own."""
    return from_settings(request.settings) if request.HasField("settings") else None


def to_response(
    progress: float, subjects: int, runs: int, reports: Iterable[Report]
) -> pb.BacktestDetectorsResponse:
    """How far it is, or the result."""
    return pb.BacktestDetectorsResponse(
        progress=progress, subjects=subjects, runs=runs, reports=map(to_report, reports)
    )


def to_report(report: Report) -> pb.DetectorReport:
    """The score of one detector."""
    (precision_low, precision_high), (recall_low, recall_high) = (
        report.precision_interval,
        report.recall_interval,
    )
    return pb.DetectorReport(
        insight_type=cast("insight_pb2.InsightType.ValueType", report.insight_type.value),
        alerts=report.alerts,
        judged=report.judged,
        true_alerts=report.true_alerts,
        outcomes=report.outcomes,
        foreseen=report.foreseen,
        precision=report.precision,
        recall=report.recall,
        precision_low=precision_low,
        precision_high=precision_high,
        recall_low=recall_low,
        recall_high=recall_high,
        lead_days=report.lead_days,
        outcome=report.outcome,
        brier_score=report.brier_score,
    )


def _moment(sent: Timestamp, name: str) -> datetime:
    try:
        return sent.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField.of(
            f"interval.{name}", "must be a valid time of the years 1 to 9999"
        ) from None

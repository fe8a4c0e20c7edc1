"""What pictures are drawn of in these tests, and how they are looked at."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, RenderableType

from footfall.journey.v1 import journey_pb2 as j
from footfall.journey.v1 import tracking_pb2

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
DAY = 86_400
LATE = j.RiskFinding(
    risk=j.RISK_LATE_INVOICES, evidence="1 invoice overdue and not paid",
    clears_when="invoice_paid for each invoice that is overdue",
)  # fmt: skip


def drawn(picture: RenderableType, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(picture)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert all(len(line) <= width for line in lines)
    return lines


def at(days_ago: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(NOW - timedelta(days=days_ago))
    return stamp


def visit(stage: j.Stage.ValueType, since: float, until: float | None = None) -> j.StageVisit:
    left = None if until is None else at(until)
    return j.StageVisit(stage=stage, entered_at=at(since), left_at=left)


def spent(stage: j.Stage.ValueType, days: float, visits: int = 1) -> tracking_pb2.StageTime:
    return tracking_pb2.StageTime(stage=stage, seconds=days * DAY, visits=visits)


def happened(
    days_ago: float, event_type: str = "call", *, unusual: bool = False, **metadata: Any
) -> j.StoredJourneyEvent:
    event = j.JourneyEvent(event_type=event_type, occurred_at=at(days_ago))
    event.metadata.update(metadata)
    return j.StoredJourneyEvent(event=event, unusual=unusual)


def part(factor: str, points: float, reason: str = "") -> j.Contribution:
    return j.Contribution(factor=factor, points=points, reason=reason)

"""An insight as its row holds it: columns for what is looked for, JSON for what is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.insight.detection.rules.vocabulary import (
    Finding,
    InsightType,
    Measurement,
    Severity,
    Subject,
    SubjectKind,
    Window,
)
from services.insight.insights.rules.life import Insight, State

Row = Mapping[Any, Any]
"""By the names of the columns. Times may be texts, as JSON of a row has them."""


def restored(row: Row) -> Insight:
    """The insight that a row holds."""
    return Insight(
        org_id=row["org_id"],
        insight_id=row["insight_id"],
        finding=_finding(row),
        settings_version=row["settings_version"],
        first_seen_at=_moment(row["first_seen_at"]),
        last_seen_at=_moment(row["last_seen_at"]),
        state_changed_at=_moment(row["state_changed_at"]),
        state=State(row["state"]),
        cleared_at=_moment(row["cleared_at"]) if row["cleared_at"] else None,
        state_changed_by=row["state_changed_by"],
        note=row["note"],
        closed_severity=row["closed_severity"],
        reopened=row["reopened"],
        revision=row["revision"],
    )


def recommendation(finding: Finding) -> dict[str, Any]:
    """What to do, for its column."""
    return {
        "action": finding.action,
        "message": finding.message,
        "parameters": dict(finding.parameters),
    }


def evidence(finding: Finding) -> dict[str, Any]:
    """Why it is believed, for its column."""
    return {
        "rule": finding.rule,
        "test": finding.test,
        "measurements": [
            {"name": one.name, "value": one.value, "start": one.window.start, "end": one.window.end}
            for one in finding.measurements
        ],
        "would_change": finding.would_change,
        "trend": list(finding.trend),
    }


def _finding(row: Row) -> Finding:
    said, why = row["recommendation"], row["evidence"]
    return Finding(
        insight_type=InsightType(row["insight_type"]),
        subject=Subject(SubjectKind(row["subject_kind"]), row["subject_id"], row["feature"]),
        weight=row["weight"],
        confidence=row["confidence"],
        severity=Severity(row["severity"]),
        window=Window(_moment(row["window_start"]), _moment(row["window_end"])),
        action=said["action"],
        message=said["message"],
        parameters=said["parameters"],
        rule=why["rule"],
        test=why["test"],
        measurements=[
            Measurement(
                one["name"], one["value"], Window(_moment(one["start"]), _moment(one["end"]))
            )
            for one in why["measurements"]
        ],
        would_change=why["would_change"],
        trend=why["trend"],
    )


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value

"""Snapshots for tests of the detectors: plain counts over windows that do not matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings as hypothesis_settings

from services.insight.detection.rules.detect import detect, detect_adoption
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    ALONE,
    ORGANISATION,
    Adoption,
    Finding,
    Fleet,
    InsightType,
    Population,
    Snapshot,
    Subject,
    SubjectKind,
    Window,
    Windows,
)

AS_OF = datetime(2026, 3, 9, tzinfo=UTC)
USER = Subject(SubjectKind.USER, "mia")
CLIENT = Subject(SubjectKind.CLIENT, "c-1")
DEFAULTS = DetectorSettings()

LAW = hypothesis_settings(deadline=None)
"""A busy machine may take its time over an example; what holds, holds."""


def before(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


WINDOWS = Windows(
    recent=Window(before(7), AS_OF),
    previous=Window(before(14), before(7)),
    silent=Window(before(14), AS_OF),
    busy=Window(before(60), before(14)),
    month=Window(before(30), AS_OF),
)


def snapshot(
    subject: Subject = ORGANISATION, windows: Windows = WINDOWS, **counts: Any
) -> Snapshot:
    """What is not named is zero; whoever has recent or previous events is not silent."""
    counts.setdefault("silent", counts.get("recent", 0) + counts.get("previous", 0))
    return Snapshot(subject, windows, **counts)


def findings(
    seen: Snapshot, settings: DetectorSettings = DEFAULTS, fleet: Fleet = ALONE
) -> dict[tuple[InsightType, str], Finding]:
    """What is found, by type and feature; each can be there once."""
    found = detect(seen, settings, fleet).findings
    by_type = {(one.insight_type, one.subject.feature): one for one in found}
    assert len(by_type) == len(found)
    return by_type


def types(
    seen: Snapshot, settings: DetectorSettings = DEFAULTS, fleet: Fleet = ALONE
) -> set[InsightType]:
    return {insight_type for insight_type, _ in findings(seen, settings, fleet)}


def only(seen: Snapshot, settings: DetectorSettings = DEFAULTS) -> Finding:
    """The one thing that is found."""
    (finding,) = findings(seen, settings).values()
    return finding


def adopted(
    users: int, active: int, users_before: int, active_before: int, feature: str = "reports"
) -> Population:
    adoption = Adoption(feature, users, users_before)
    return Population(WINDOWS, active, active_before, [adoption])


def adoptions(population: Population, settings: DetectorSettings = DEFAULTS) -> list[Finding]:
    return list(detect_adoption(population, settings).findings)

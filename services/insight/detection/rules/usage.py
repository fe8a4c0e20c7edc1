"""Use against the week before: churn_risk, declining_usage, and whether use more than doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.insight.detection.rules import evidence, statistics
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    Finding,
    Fleet,
    InsightType,
    Measurement,
    Severity,
    Shortfall,
    Snapshot,
    SubjectKind,
    Window,
)


def enough(snapshot: Snapshot, settings: DetectorSettings) -> bool:
    """Whether there is a week to compare with."""
    return snapshot.previous >= settings.min_previous_events


def usage_drop(snapshot: Snapshot, settings: DetectorSettings, fleet: Fleet) -> Finding | None:
    """churn_risk, else declining_usage, else nothing: the most severe is asked first."""
    recent, previous = snapshot.recent, snapshot.previous
    if previous >= settings.min_previous_events:
        decline, churn = settings.decline_ratio, settings.churn_ratio
        if recent * churn.denominator < churn.numerator * previous:
            found = _churn_by_drop
        elif recent * decline.denominator < decline.numerator * previous:
            found = _decline
        else:
            return None
        return found(snapshot, settings) if _fleet_holds(snapshot, settings, fleet) else None
    if is_silent(snapshot, settings) and _fleet_holds(snapshot, settings, fleet):
        return _churn_by_silence(snapshot, settings)
    return None


def is_silent(snapshot: Snapshot, settings: DetectorSettings) -> bool:
    """Nothing for 14 days, after a busy time."""
    return snapshot.silent == 0 and snapshot.busy > settings.silence_min_events


def too_little(snapshot: Snapshot, settings: DetectorSettings) -> Iterator[Shortfall]:
    """What cannot be compared with so few events in the week before."""
    if enough(snapshot, settings) or is_silent(snapshot, settings):
        return
    for insight_type in (InsightType.CHURN_RISK, InsightType.DECLINING_USAGE):
        yield evidence.shortfall(
            insight_type,
            snapshot.subject,
            "previous_events",
            snapshot.previous,
            settings.min_previous_events,
        )


@dataclass(frozen=True, slots=True)
class Doubling:
    """Use that rose beyond the ratio, and how sure that is."""

    confidence: float
    steps: int
    rule: str
    would_change: str


def doubling(snapshot: Snapshot, settings: DetectorSettings) -> Doubling | None:
    """Whether the week beat the one before by more than the ratio."""
    recent, previous, ratio = snapshot.recent, snapshot.previous, settings.upsell_ratio
    beyond = recent * ratio.denominator - ratio.numerator * previous
    if beyond <= 0 or not enough(snapshot, settings):
        return None
    most = ratio.numerator * previous // ratio.denominator
    twice = 2 * ratio.numerator * previous
    return Doubling(
        confidence=1 - statistics.rise(recent, previous, *_times(snapshot)),
        steps=(recent * ratio.denominator > twice) + (recent * ratio.denominator > 2 * twice),
        rule=f"{recent} > {evidence.product(ratio, previous)}",
        would_change=f"{evidence.counted(recent - most, 'event')} fewer this week",
    )


def weeks(snapshot: Snapshot) -> tuple[Measurement, Measurement]:
    """Both sides of the comparison."""
    windows = snapshot.windows
    return (
        Measurement("recent_events", snapshot.recent, windows.recent),
        Measurement("previous_events", snapshot.previous, windows.previous),
    )


def both_weeks(snapshot: Snapshot) -> Window:
    """From the first to the last moment that was compared."""
    return Window(snapshot.windows.previous.start, snapshot.windows.recent.end)


def _fleet_holds(snapshot: Snapshot, settings: DetectorSettings, fleet: Fleet) -> bool:
    """A holiday of everybody is nobody's crisis; the organisation itself is not excused."""
    if snapshot.subject.kind is SubjectKind.ORGANISATION:
        return True
    share = settings.fleet_ratio
    return fleet.recent * share.denominator >= share.numerator * fleet.previous


def _churn_by_drop(snapshot: Snapshot, settings: DetectorSettings) -> Finding:
    recent, previous, ratio = snapshot.recent, snapshot.previous, settings.churn_ratio
    who, more = evidence.whom(snapshot.subject), evidence.at_least(ratio, previous) - recent
    told = f"went from {evidence.counted(previous, 'event')} to {recent} in a week"
    if recent == 0:
        told = f"stopped altogether, after {evidence.counted(previous, 'event')} the week before"
    return evidence.finding(
        InsightType.CHURN_RISK,
        snapshot.subject,
        settings,
        severity=Severity.HIGH if recent else Severity.CRITICAL,
        confidence=1 - statistics.fall(recent, previous, *_times(snapshot)),
        window=both_weeks(snapshot),
        action="urgent_outreach",
        message=f"{who} {told}: get in touch now.",
        parameters={"percent_drop": _percent_drop(recent, previous)},
        rule=f"{recent} < {evidence.product(ratio, previous)}",
        test=evidence.EXACT_CONDITIONAL,
        measurements=weeks(snapshot),
        would_change=f"{evidence.counted(more, 'event')} more this week",
    )


def _churn_by_silence(snapshot: Snapshot, settings: DetectorSettings) -> Finding:
    windows, busy = snapshot.windows, snapshot.busy
    p = statistics.fall(0, busy, evidence.seconds(windows.silent), evidence.seconds(windows.busy))
    return evidence.finding(
        InsightType.CHURN_RISK,
        snapshot.subject,
        settings,
        severity=Severity.CRITICAL,
        confidence=1 - p,
        window=Window(windows.busy.start, windows.silent.end),
        action="urgent_outreach",
        message=f"{evidence.whom(snapshot.subject)} has been silent for two weeks, "
        f"after {evidence.counted(busy, 'event')} in the six before: get in touch now.",
        parameters={"percent_drop": 100},
        rule=f"0 events in 14 days, after {busy} > {settings.silence_min_events}",
        test=evidence.EXACT_CONDITIONAL,
        measurements=(
            Measurement("recent_events", 0, windows.silent),
            Measurement("previous_events", busy, windows.busy),
        ),
        would_change="1 event more in the last two weeks",
    )


def _decline(snapshot: Snapshot, settings: DetectorSettings) -> Finding:
    recent, previous = snapshot.recent, snapshot.previous
    churn, decline = settings.churn_ratio, settings.decline_ratio
    more = evidence.at_least(decline, previous) - recent
    fewer = recent - evidence.at_least(churn, previous) + 1
    told = f"{evidence.counted(more, 'event')} more this week"
    if churn:
        told += f"; {evidence.counted(fewer, 'event')} fewer would be churn_risk"
    drop = _percent_drop(recent, previous)
    return evidence.finding(
        InsightType.DECLINING_USAGE,
        snapshot.subject,
        settings,
        severity=Severity.MEDIUM,
        confidence=1 - statistics.fall(recent, previous, *_times(snapshot)),
        window=both_weeks(snapshot),
        action="engagement_campaign",
        message=f"{evidence.whom(snapshot.subject)} uses the product {drop} % less than the week "
        "before: show what it is good for.",
        parameters={"percent_drop": drop},
        rule=f"{evidence.product(churn, previous)} ≤ {recent} "
        f"< {evidence.product(decline, previous)}",
        test=evidence.EXACT_CONDITIONAL,
        measurements=weeks(snapshot),
        would_change=told,
    )


def _percent_drop(recent: int, previous: int) -> int:
    """Rounded, halves up."""
    return (200 * (previous - recent) + previous) // (2 * previous)


def _times(snapshot: Snapshot) -> tuple[int, int]:
    """How long each side was watched: a running day counts with what has passed of it."""
    windows = snapshot.windows
    return evidence.seconds(windows.recent), evidence.seconds(windows.previous)

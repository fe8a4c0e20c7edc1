"""Counts beyond a threshold: power_user, upsell_opportunity, stuck_user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.insight.detection.rules import evidence, usage
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    Finding,
    InsightType,
    Measurement,
    Severity,
    Shortfall,
    Snapshot,
    Subject,
)

_GOOD = (Severity.LOW, Severity.MEDIUM, Severity.HIGH)
_MADE = "voice generations or reports"
_BAD = (Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


def power_user(snapshot: Snapshot, settings: DetectorSettings) -> Finding | None:
    """More voice generations and reports in the month than most make."""
    count, threshold = snapshot.voice + snapshot.reports, settings.power_user_count
    if count <= threshold:
        return None
    return evidence.finding(
        InsightType.POWER_USER,
        snapshot.subject,
        settings,
        severity=_GOOD[evidence.steps(count, threshold)],
        confidence=evidence.CERTAIN,
        window=snapshot.windows.month,
        action="tier_upgrade_suggestion",
        message=f"{evidence.whom(snapshot.subject)} made "
        f"{evidence.counted(snapshot.voice, 'voice generation')} and "
        f"{evidence.counted(snapshot.reports, 'report')} in 30 days: suggest a higher tier.",
        parameters={"voice": snapshot.voice, "reports": snapshot.reports},
        rule=_sum(snapshot, threshold),
        test=evidence.COUNT,
        measurements=_month(snapshot),
        would_change=_fewer(count, threshold),
    )


@dataclass(frozen=True, slots=True)
class _Reason:
    """One of the ways into upsell_opportunity."""

    confidence: float
    steps: int
    rule: str
    test: str
    would_change: str


def upsell_opportunity(snapshot: Snapshot, settings: DetectorSettings) -> Finding | None:
    """Many voice generations and reports, or use that more than doubled, or both."""
    reasons = list(_reasons(snapshot, settings))
    if not reasons:
        return None
    surest = reasons[0]
    counted = surest.test == evidence.COUNT
    return evidence.finding(
        InsightType.UPSELL_OPPORTUNITY,
        snapshot.subject,
        settings,
        severity=_GOOD[max(reason.steps for reason in reasons)],
        confidence=surest.confidence,
        window=snapshot.windows.month if counted else usage.both_weeks(snapshot),
        action="feature_highlight",
        message=f"{evidence.whom(snapshot.subject)} is ready for more: show advanced features.",
        parameters={"count": snapshot.voice + snapshot.reports},
        rule=" and ".join(reason.rule for reason in reasons),
        test=surest.test,
        measurements=(*_month(snapshot), *usage.weeks(snapshot)),
        would_change=" and ".join(reason.would_change for reason in reasons),
    )


def upsell_too_little(snapshot: Snapshot, settings: DetectorSettings) -> Iterator[Shortfall]:
    """Whether use doubled cannot be said of so few events; a count needs no week before."""
    if snapshot.voice + snapshot.reports > settings.upsell_count:
        return
    if not usage.enough(snapshot, settings):
        yield evidence.shortfall(
            InsightType.UPSELL_OPPORTUNITY,
            snapshot.subject,
            "previous_events",
            snapshot.previous,
            settings.min_previous_events,
        )


def stuck_user(snapshot: Snapshot, settings: DetectorSettings) -> Iterator[Finding]:
    """Abandonments of the week: of the subject, and of each feature that it was stuck in."""
    if snapshot.abandoned > settings.stuck_count:
        yield _stuck(snapshot, snapshot.subject, snapshot.abandoned, settings)
    for feature, counts in snapshot.features.items():
        if counts.abandoned > settings.stuck_count:
            subject = Subject(snapshot.subject.kind, snapshot.subject.id, feature)
            yield _stuck(snapshot, subject, counts.abandoned, settings)


def _reasons(snapshot: Snapshot, settings: DetectorSettings) -> Iterator[_Reason]:
    count, threshold = snapshot.voice + snapshot.reports, settings.upsell_count
    if count > threshold:
        yield _Reason(
            evidence.CERTAIN,
            evidence.steps(count, threshold),
            _sum(snapshot, threshold),
            evidence.COUNT,
            _fewer(count, threshold),
        )
    rose = usage.doubling(snapshot, settings)
    if rose is not None:
        test = evidence.EXACT_CONDITIONAL
        yield _Reason(rose.confidence, rose.steps, rose.rule, test, rose.would_change)


def _stuck(snapshot: Snapshot, subject: Subject, count: int, settings: DetectorSettings) -> Finding:
    threshold, window = settings.stuck_count, snapshot.windows.recent
    what = subject.feature or "features"
    feature = {"feature": subject.feature} if subject.feature else {}
    return evidence.finding(
        InsightType.STUCK_USER,
        subject,
        settings,
        severity=_BAD[evidence.steps(count, threshold)],
        confidence=evidence.CERTAIN,
        window=window,
        action="onboarding_assistance",
        message=f"{evidence.whom(subject)} gave up {what} {evidence.counted(count, 'time')} "
        "in a week: offer help.",
        parameters={"count": count, **feature},
        rule=f"{count} > {threshold}",
        test=evidence.COUNT,
        measurements=(Measurement("abandonments", count, window),),
        would_change=f"{evidence.counted(count - threshold, 'abandonment')} fewer in 7 days",
    )


def _sum(snapshot: Snapshot, threshold: int) -> str:
    voice, reports = snapshot.voice, snapshot.reports
    return f"{voice} + {reports} = {voice + reports} > {threshold}"


def _fewer(count: int, threshold: int) -> str:
    things = "voice generation or report" if count == threshold + 1 else _MADE
    return f"{count - threshold} {things} fewer in 30 days"


def _month(snapshot: Snapshot) -> tuple[Measurement, Measurement]:
    month = snapshot.windows.month
    return (
        Measurement("voice_generations", snapshot.voice, month),
        Measurement("reports", snapshot.reports, month),
    )

"""Features that win users, and features that are given up."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from services.insight.detection.rules import evidence, statistics
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Adoption,
    FeatureCounts,
    Finding,
    InsightType,
    Measurement,
    Population,
    Severity,
    Shortfall,
    Snapshot,
    Subject,
    SubjectKind,
    Window,
)

_Z = Fraction("1.96")
_HALF = Fraction(1, 2)
_PERCENT = 100


def feature_abandonment(snapshot: Snapshot, settings: DetectorSettings) -> Iterator[Finding]:
    """Features that are given up in too many of their starts, beyond doubt."""
    for feature, counts in snapshot.features.items():
        starts = counts.used + counts.abandoned
        enough = starts >= settings.abandonment_min_starts
        if enough and above(counts.abandoned, starts, settings.abandonment_share):
            yield _abandonment(snapshot, feature, counts, settings)


def abandonment_too_little(snapshot: Snapshot, settings: DetectorSettings) -> Iterator[Shortfall]:
    """No feature was started often enough to say how it fares."""
    counts = snapshot.features.values()
    most = max((one.used + one.abandoned for one in counts), default=0)
    if most < settings.abandonment_min_starts:
        yield evidence.shortfall(
            InsightType.FEATURE_ABANDONMENT,
            snapshot.subject,
            "starts",
            most,
            settings.abandonment_min_starts,
        )


def above(abandoned: int, starts: int, share: Fraction) -> bool:
    """Whether Wilson's lower bound lies above a share."""
    return _excess(abandoned, starts, share) > 0


def feature_adoption(population: Population, settings: DetectorSettings) -> Iterator[Finding]:
    """Features whose share of the active users rose far enough, and has users enough."""
    for adoption in population.adoptions:
        if adoption.users >= settings.adoption_min_users and _rose(adoption, population, settings):
            yield _adoption(adoption, population, settings)


def adoption_too_little(population: Population, settings: DetectorSettings) -> Iterator[Shortfall]:
    """Nobody to compare with, or a rise of a handful of users."""
    if population.active_before == 0:
        yield evidence.shortfall(
            InsightType.FEATURE_ADOPTION, ORGANISATION, "active_users_before", 0, 1
        )
        return
    for adoption in population.adoptions:
        few = adoption.users < settings.adoption_min_users
        if few and _rose(adoption, population, settings):
            yield evidence.shortfall(
                InsightType.FEATURE_ADOPTION,
                _feature(adoption.feature),
                "adopters",
                adoption.users,
                settings.adoption_min_users,
            )


def _rose(adoption: Adoption, population: Population, settings: DetectorSettings) -> bool:
    active, before, points = population.active, population.active_before, settings.adoption_points
    rise = adoption.users * before - adoption.users_before * active
    reached = _PERCENT * rise * points.denominator >= points.numerator * active * before
    return rise > 0 and before > 0 and reached


def _adoption(adoption: Adoption, population: Population, settings: DetectorSettings) -> Finding:
    active, before, points = population.active, population.active_before, settings.adoption_points
    share, share_before = (
        Fraction(_PERCENT * adoption.users, active),
        Fraction(_PERCENT * adoption.users_before, before),
    )
    windows, subject = population.windows, _feature(adoption.feature)
    p = statistics.fisher_at_least(
        adoption.users, active, adoption.users + adoption.users_before, active + before
    )
    fewest = max(_smallest(share_before + points, active), settings.adoption_min_users)
    fewer = adoption.users - fewest + 1
    return evidence.finding(
        InsightType.FEATURE_ADOPTION,
        subject,
        settings,
        severity=Severity.LOW if share - share_before < 2 * points else Severity.MEDIUM,
        confidence=1 - p,
        window=Window(windows.previous.start, windows.recent.end),
        action="adoption_follow_up",
        message=f"{adoption.feature} is catching on: {float(share):.0f} % of the active users, "
        f"after {float(share_before):.0f} % the week before. Ask them what they like about it.",
        parameters={"feature": adoption.feature, "count": adoption.users},
        rule=f"{float(share):.4g} % - {float(share_before):.4g} % ≥ {evidence.written(points)} "
        f"points and {adoption.users} ≥ {settings.adoption_min_users}",
        test=evidence.FISHER,
        measurements=(
            Measurement("adopters", adoption.users, windows.recent),
            Measurement("active_users", active, windows.recent),
            Measurement("adopters_before", adoption.users_before, windows.previous),
            Measurement("active_users_before", before, windows.previous),
        ),
        would_change=f"{evidence.counted(fewer, 'adopter')} fewer this week",
    )


def _abandonment(
    snapshot: Snapshot, feature: str, counts: FeatureCounts, settings: DetectorSettings
) -> Finding:
    abandoned, share = counts.abandoned, settings.abandonment_share
    starts, window = counts.used + abandoned, snapshot.windows.recent
    low, _ = statistics.wilson(abandoned, starts)
    p = statistics.binomial_at_least(abandoned, starts, float(share))
    subject = Subject(snapshot.subject.kind, snapshot.subject.id, feature)
    more = _uses_until_not_above(abandoned, starts, share)
    return evidence.finding(
        InsightType.FEATURE_ABANDONMENT,
        subject,
        settings,
        severity=Severity.MEDIUM if _excess(abandoned, starts, _HALF) < 0 else Severity.HIGH,
        confidence=1 - p,
        window=window,
        action="feature_review",
        message=f"{feature} was given up in {abandoned} of {starts} starts within a week: "
        "find out what is in the way.",
        parameters={"feature": feature, "count": abandoned},
        rule=f"Wilson's lower bound {low:.4g} of {abandoned} in {starts} "
        f"> {evidence.written(share)}",
        test=evidence.EXACT_BINOMIAL,
        measurements=(
            Measurement("abandonments", abandoned, window),
            Measurement("uses", counts.used, window),
        ),
        would_change=f"{evidence.counted(more, 'use')} more without giving up",
    )


def _excess(abandoned: int, starts: int, share: Fraction) -> int:
    """How far Wilson's lower bound lies above a share, by its sign alone, in integers.

    It does where the share seen is larger, and too far away for the score test to accept it:
    (abandoned - share·starts)² > z²·share·(1 - share)·starts.
    """
    distance = abandoned * share.denominator - share.numerator * starts
    if distance <= 0:
        return -1
    spread = share.numerator * (share.denominator - share.numerator) * starts
    squared: int = (distance * _Z.denominator) ** 2
    return squared - _Z.numerator**2 * spread


def _uses_until_not_above(abandoned: int, starts: int, share: Fraction) -> int:
    """The fewest uses that would end it; at `abandoned / share` starts it ends for certain."""
    low, high = starts, evidence.at_least(1 / share, abandoned)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if above(abandoned, middle, share) else (low, middle)
    return high - starts


def _smallest(percentage: Fraction, whole: int) -> int:
    """The fewest of a whole that reach a percentage of it."""
    return evidence.at_least(percentage / _PERCENT, whole)


def _feature(feature: str) -> Subject:
    return Subject(SubjectKind.ORGANISATION, feature=feature)

"""All detectors over one snapshot, the most severe finding first."""

from __future__ import annotations

from services.insight.detection.rules.counts import (
    power_user,
    stuck_user,
    upsell_opportunity,
    upsell_too_little,
)
from services.insight.detection.rules.features import (
    abandonment_too_little,
    adoption_too_little,
    feature_abandonment,
    feature_adoption,
)
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.usage import too_little, usage_drop
from services.insight.detection.rules.vocabulary import (
    ALONE,
    Finding,
    Fleet,
    Population,
    Snapshot,
    Verdict,
)


def detect(snapshot: Snapshot, settings: DetectorSettings, fleet: Fleet = ALONE) -> Verdict:
    """What can be said of one subject. `fleet` is what its organisation did as a whole."""
    single = (
        usage_drop(snapshot, settings, fleet),
        power_user(snapshot, settings),
        upsell_opportunity(snapshot, settings),
    )
    findings = [finding for finding in single if finding is not None]
    findings += stuck_user(snapshot, settings)
    findings += feature_abandonment(snapshot, settings)
    shortfalls = (
        *too_little(snapshot, settings),
        *upsell_too_little(snapshot, settings),
        *abandonment_too_little(snapshot, settings),
    )
    return Verdict(sorted(findings, key=_worst_first), shortfalls)


def detect_adoption(population: Population, settings: DetectorSettings) -> Verdict:
    """Which features win users in the organisation."""
    findings = sorted(feature_adoption(population, settings), key=_worst_first)
    return Verdict(findings, tuple(adoption_too_little(population, settings)))


def _worst_first(finding: Finding) -> tuple[int, float, int, str]:
    """By severity, then weight; the rest only makes the order certain."""
    return (
        -finding.severity,
        -finding.weight,
        finding.insight_type,
        finding.subject.feature,
    )

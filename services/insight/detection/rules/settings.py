"""The thresholds of the detectors, as exact numbers: what is compared is compared in integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction

from services.insight.detection.rules.vocabulary import InsightType
from shared.errors import Violation

Number = Fraction | int


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each type matters before confidence, 0 to 1."""

    churn_risk: float = 0.9
    declining_usage: float = 0.8
    power_user: float = 0.85
    upsell_opportunity: float = 0.7
    stuck_user: float = 0.75
    feature_adoption: float = 0.5
    feature_abandonment: float = 0.6

    def of(self, insight_type: InsightType) -> float:
        """That of one type."""
        weight: float = getattr(self, insight_type.name.lower())
        return weight


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """Every threshold; the contract says what each means. Version 0 are the defaults."""

    version: int = 0
    churn_ratio: Fraction = Fraction(3, 10)
    decline_ratio: Fraction = Fraction(1, 2)
    min_previous_events: int = 20
    silence_min_events: int = 300
    power_user_count: int = 50
    upsell_count: int = 20
    upsell_ratio: Fraction = Fraction(2)
    stuck_count: int = 5
    adoption_points: Fraction = Fraction(10)
    adoption_min_users: int = 5
    abandonment_share: Fraction = Fraction(3, 10)
    abandonment_min_starts: int = 20
    fleet_ratio: Fraction = Fraction(0)
    weights: Weights = field(default_factory=Weights)


RATIOS = ("churn_ratio", "decline_ratio", "upsell_ratio", "adoption_points", "abandonment_share",
          "fleet_ratio")  # fmt: skip
COUNTS = ("min_previous_events", "silence_min_events", "power_user_count", "upsell_count",
          "stuck_count", "adoption_min_users", "abandonment_min_starts")  # fmt: skip
WEIGHTS = tuple(one.name for one in fields(Weights))


def exact(number: float) -> Fraction:
    """The decimal number that people wrote, not the binary one that is nearest to it."""
    return Fraction(repr(number))


def change(
    settings: DetectorSettings,
    thresholds: Mapping[str, float],
    weights: Mapping[str, float],
    *,
    version: int,
) -> DetectorSettings:
    """The settings with these numbers in place of theirs; what is not named stays as it was."""
    ratios = {name: exact(number) for name, number in thresholds.items() if name in RATIOS}
    counts = {name: int(number) for name, number in thresholds.items() if name in COUNTS}
    return replace(
        settings,
        version=version,
        weights=replace(settings.weights, **weights),
        **ratios,  # type: ignore[arg-type] # each name is of the group that has this type
        **counts,  # type: ignore[arg-type]
    )


def check(settings: DetectorSettings) -> list[Violation]:
    """What the thresholds contradict in each other; each alone is checked by the contract."""
    return list(_contradictions(settings))


def _contradictions(settings: DetectorSettings) -> Iterator[Violation]:
    if settings.churn_ratio > settings.decline_ratio:
        told = f"must not be more than decline_ratio, {float(settings.decline_ratio):g}"
        yield Violation("settings.churn_ratio", told)

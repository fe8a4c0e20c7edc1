"""The guard-rails of an organisation as a value, and as the JSON that is kept of a version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from shared.errors import Violation


@dataclass(frozen=True, slots=True)
class PricingSettings:
    """What prices may do; without a version of its own an organisation has these."""

    version: int = 0
    max_step_percent: float = 25.0
    """By how much one change may move a price."""
    max_year_percent: float = 50.0
    """By how much changes within 12 months may move it together."""
    max_above_competitors_percent: float = 50.0
    max_below_competitors_percent: float = 50.0
    """From the median of the competitors' prices."""
    min_confidence: float = 0.8
    rounding_minor: int | None = None
    rounding_currency: str = ""
    """Suggested prices of this currency are multiples of it; None and others: the minor unit."""

    def unit(self, currency: str) -> int:
        """Suggested prices of the currency are multiples of so many minor units."""
        fits = self.rounding_minor is not None and self.rounding_currency == currency
        return self.rounding_minor or 1 if fits else 1


PERCENTS = (
    "max_step_percent",
    "max_year_percent",
    "max_above_competitors_percent",
    "max_below_competitors_percent",
)
NUMBERS = (*PERCENTS, "min_confidence")
"""Settings that are one number each, by the names of the contract."""


def contradictions(settings: PricingSettings, sent: Mapping[str, Any]) -> Iterator[Violation]:
    """What settings may not be together, by field; each by itself is checked by the contract.

    A step beyond what a whole year allows would never be allowed. The field that was sent is named.
    """
    step, year = settings.max_step_percent, settings.max_year_percent
    if step > year:
        alone = "max_year_percent" in sent and "max_step_percent" not in sent
        if alone:
            told = f"must not be less than max_step_percent, {step:g}"
            yield Violation("settings.max_year_percent", told)
        else:
            told = f"must not be more than max_year_percent, {year:g}"
            yield Violation("settings.max_step_percent", told)


def to_json(settings: PricingSettings) -> dict[str, Any]:
    """All but the version, which is the row's."""
    kept = asdict(settings)
    del kept["version"]
    return kept


def from_json(kept: Mapping[str, Any], version: int) -> PricingSettings:
    """The settings of a row; what is newer than the row has its default."""
    return replace(PricingSettings(version=version), **kept)

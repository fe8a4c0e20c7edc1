"""What a tier's own days say, before it is held against the other tiers.

Plain values: they pass through the service, which has no library of statistics, from one piece of
computing to the next.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from services.pricing.evidence.rules.estimates import Diagnostics, Reason
from services.pricing.evidence.rules.series import Tier


@dataclass(frozen=True, slots=True)
class Fit:
    """What the regression found."""

    elasticity: float
    standard_error: float
    freedom: float
    lags: int
    autocorrelation: float
    r_squared: float
    dispersion: float
    """Variance over mean of the sum of many days."""
    promotion_effect: float
    """Logarithm of what a promotion multiplies demand by, its price apart."""
    competitor_effect: float | None


@dataclass(frozen=True, slots=True)
class Own:
    """A tier's own estimate."""

    elasticity: float
    standard_error: float
    freedom: float

    @property
    def variance(self) -> float:
        """That of its t distribution, which is wider than its standard error says."""
        freedom = max(self.freedom, 4.0)
        return self.standard_error**2 * freedom / (freedom - 2)


@dataclass(frozen=True, slots=True)
class Lately:
    """The last days of a series, from which today's level is taken, and the range of its prices."""

    units: array[float]
    prices: array[float]
    promotion: array[float]
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """Of one tier: its own regression, or why there is none."""

    tier: Tier
    fit: Fit | None
    diagnostics: Diagnostics
    reasons: tuple[Reason, ...]
    lately: Lately | None

    @property
    def own(self) -> Own | None:
        """What it tells the other tiers."""
        if self.fit is None:
            return None
        return Own(self.fit.elasticity, self.fit.standard_error, self.fit.freedom)

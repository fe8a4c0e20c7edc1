"""What is known of how demand answers to a price, and why it is not known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

METHOD_VERSION = "ppml-hac-pooled-1"
"""Goes into every suggestion and every frozen evidence; docs/pricing_method.md says what it is."""


class Reason(StrEnum):
    """Why the data cannot tell."""

    NO_TIER_PRICE = "NO_TIER_PRICE"
    TOO_FEW_DAYS = "TOO_FEW_DAYS"
    TOO_FEW_SALES = "TOO_FEW_SALES"
    PRICE_NEVER_VARIED = "PRICE_NEVER_VARIED"
    TOO_FEW_PRICES = "TOO_FEW_PRICES"
    PROMOTION_CONFOUNDED = "PROMOTION_CONFOUNDED"
    PRICE_FOLLOWS_TIME = "PRICE_FOLLOWS_TIME"
    INTERVAL_TOO_WIDE = "INTERVAL_TOO_WIDE"
    NOT_ESTIMABLE = "NOT_ESTIMABLE"
    PRICE_BEYOND_EVIDENCE = "PRICE_BEYOND_EVIDENCE"
    STATISTICS_NOT_AVAILABLE = "STATISTICS_NOT_AVAILABLE"


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How far an estimate can be trusted."""

    observations: int = 0
    distinct_prices: int = 0
    log_variation: float = 0.0
    """Standard deviation of the logarithm of the price."""
    r_squared: float = 0.0
    autocorrelation: float = 0.0
    newey_west_lags: int = 0
    standard_error: float = 0.0
    """Of the tier's own estimate, before pooling."""
    competitor_effect: float | None = None
    promotion_days: int = 0
    usage_elasticity: float | None = None
    """The same model on usage per subscriber; None when there is too little."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The elasticity of a tier; where the data cannot tell, why, and the numbers of the prior."""

    tier_id: str
    mean: float
    lower: float
    upper: float
    standard_error: float
    """Of the estimate after pooling."""
    freedom: float
    """Degrees of freedom of its t distribution."""
    own_weight: float
    diagnostics: Diagnostics
    reasons: tuple[Reason, ...] = ()

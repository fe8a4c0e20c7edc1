"""What the series of all tiers say of how demand answers to price, and where they cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from services.pricing.evidence.rules.estimates import Diagnostics, Estimate, Reason
from services.pricing.evidence.rules.pooling import Own, Pooled, pool
from services.pricing.evidence.rules.regression import Fit, design, fit, inflation
from services.pricing.evidence.rules.sandwich import Numbers
from services.pricing.evidence.rules.series import Series

_LEAST_DAYS = 28
_LEAST_UNITS = 50
_LEAST_SELLING_DAYS = 14
_LEAST_FREEDOM = 10
"""Days beyond the columns of the regression."""
_LEAST_AWAY = 7
"""Days on which the price was another than the usual one."""
_VARIED = 0.005
_STEP = 100
"""Prices within one percent are one price."""
_MOST_INFLATION = 10.0
"""Variance inflation from which collinearity is called severe."""
_WIDEST = 3.0
"""An interval that is wider does not tell doubling of revenue from ruin."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one tier: the estimate, all that is believed of the elasticity, and what fitted."""

    estimate: Estimate
    pooled: Pooled
    fit: Fit | None


def findings(tier_ids: Sequence[str], by_tier: Mapping[str, Series]) -> dict[str, Finding]:
    """Of each tier, in the light of the others."""
    fitted = {name: _fitted(by_tier.get(name)) for name in tier_ids}
    own = [_own(fitted[name][0]) for name in tier_ids]
    return {
        name: _finding(name, *fitted[name], pooled)
        for name, pooled in zip(tier_ids, pool(own), strict=True)
    }


def _own(found: Fit | None) -> Own | None:
    if found is None:
        return None
    return Own(found.elasticity, found.standard_error, found.freedom)


def _fitted(series: Series | None) -> tuple[Fit | None, Diagnostics, tuple[Reason, ...]]:
    """The tier's own regression, or why there is none."""
    if series is None:
        return None, Diagnostics(), (Reason.TOO_FEW_SALES,)
    described = _described(series)
    if reasons := _reasons(series):
        return None, described, reasons
    made = design(series)
    found = fit(np.asarray(series.units), made)
    if found is None:
        return None, described, (Reason.NOT_ESTIMABLE,)
    return found, _with_fit(described, found, series), ()


def _described(series: Series) -> Diagnostics:
    logarithm = np.log(series.prices)
    return Diagnostics(
        observations=len(series),
        distinct_prices=len(set(_levels(logarithm))),
        log_variation=float(logarithm.std()),
        promotion_days=int(sum(series.promotion)),
    )


def _with_fit(described: Diagnostics, found: Fit, series: Series) -> Diagnostics:
    return replace(
        described,
        r_squared=found.r_squared,
        autocorrelation=found.autocorrelation,
        newey_west_lags=found.lags,
        standard_error=found.standard_error,
        competitor_effect=found.competitor_effect,
        usage_elasticity=_usage_elasticity(series),
    )


def _usage_elasticity(series: Series) -> float | None:
    if series.usage is None or sum(series.usage) <= 0:
        return None
    found = fit(np.asarray(series.usage), design(series))
    return None if found is None else found.elasticity


def _levels(logarithms: Numbers) -> list[int]:
    return [round(float(one) * _STEP) for one in logarithms]


def _reasons(series: Series) -> tuple[Reason, ...]:
    """Why the regression would say nothing, or something else than it seems to."""
    units = np.asarray(series.units)
    reasons = []
    if len(series) < _LEAST_DAYS:
        reasons.append(Reason.TOO_FEW_DAYS)
    if units.sum() < _LEAST_UNITS or (units > 0).sum() < _LEAST_SELLING_DAYS:
        reasons.append(Reason.TOO_FEW_SALES)
    logarithm = np.log(series.prices)
    if logarithm.std() < _VARIED:
        reasons.append(Reason.PRICE_NEVER_VARIED)
    elif (reason := _unidentified(series, logarithm)) is not None:
        reasons.append(reason)
    return tuple(reasons)


def _unidentified(series: Series, logarithm: Numbers) -> Reason | None:
    """Why the price moved in a way that tells nothing; None when it did not."""
    regular = logarithm[np.asarray(series.promotion) == 0]
    if any(series.promotion) and (not len(regular) or regular.std() < _VARIED):
        return Reason.PROMOTION_CONFOUNDED
    levels = _levels(regular)
    usual = max(levels.count(one) for one in set(levels))
    if len(levels) - usual < _LEAST_AWAY:
        return Reason.TOO_FEW_PRICES
    moves = sum(abs(one - other) > 1 for one, other in pairwise(levels))
    made = design(series)
    if moves <= 1 or inflation(made) > _MOST_INFLATION:
        return Reason.PRICE_FOLLOWS_TIME
    if len(series) - made.columns.shape[1] < _LEAST_FREEDOM:
        return Reason.TOO_FEW_DAYS
    return None


def _finding(
    name: str,
    found: Fit | None,
    described: Diagnostics,
    reasons: tuple[Reason, ...],
    pooled: Pooled,
) -> Finding:
    lower, upper = pooled.quantile(0.025), pooled.quantile(0.975)
    if not reasons and upper - lower > _WIDEST:
        reasons = (Reason.INTERVAL_TOO_WIDE,)
    estimate = Estimate(
        tier_id=name,
        mean=pooled.mean,
        lower=lower,
        upper=upper,
        standard_error=pooled.deviation,
        freedom=found.freedom if found else 0.0,
        own_weight=pooled.own_weight,
        diagnostics=described,
        reasons=reasons,
    )
    return Finding(estimate, pooled, found)

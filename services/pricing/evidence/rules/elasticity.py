"""What the series of all tiers say of how demand answers to price, and where they cannot tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from services.pricing.evidence.rules.estimates import Diagnostics, Estimate, Reason
from services.pricing.evidence.rules.fitted import Fit, Fitted, Lately
from services.pricing.evidence.rules.pooling import Common, Pooled, pooled
from services.pricing.evidence.rules.regression import design, fit, inflation
from services.pricing.evidence.rules.sandwich import Numbers
from services.pricing.evidence.rules.series import Series, Tier

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
_RECENT = 28
"""Days, in whole weeks, from which today's level is taken."""
_WIDEST = 3.0
"""An interval that is wider does not tell doubling of revenue from ruin."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Of one tier, in the light of the others: the estimate, and all that is believed of it."""

    estimate: Estimate
    pooled: Pooled


def fitted(tier: Tier, series: Series | None) -> Fitted:
    """A tier's own regression, or why there is none."""
    if series is None:
        return Fitted(tier, None, Diagnostics(), (Reason.TOO_FEW_SALES,), None)
    described, lately = _described(series), _lately(series)
    if reasons := _reasons(series):
        return Fitted(tier, None, described, reasons, lately)
    found = fit(np.asarray(series.units), design(series))
    if found is None:
        return Fitted(tier, None, described, (Reason.NOT_ESTIMABLE,), lately)
    return Fitted(tier, found, _with_fit(described, found, series), (), lately)


def _lately(series: Series) -> Lately:
    return Lately(
        series.units[-_RECENT:],
        series.prices[-_RECENT:],
        series.promotion[-_RECENT:],
        min(series.prices),
        max(series.prices),
    )


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


def finding(own: Fitted, among: Common) -> Finding:
    """Of one tier, given what all of them say."""
    found, reasons, told = own.fit, own.reasons, pooled(own.own, among)
    lower, upper = told.quantile(0.025), told.quantile(0.975)
    if not reasons and upper - lower > _WIDEST:
        reasons = (Reason.INTERVAL_TOO_WIDE,)
    estimate = Estimate(
        tier_id=own.tier.tier_id,
        mean=told.mean,
        lower=lower,
        upper=upper,
        standard_error=told.deviation,
        freedom=found.freedom if found else 0.0,
        own_weight=told.own_weight,
        diagnostics=own.diagnostics,
        reasons=reasons,
    )
    return Finding(estimate, told)

"""What is known of a price that is proposed, in the JSON of the contract's `Evidence`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.pricing.evidence.rules.estimates import METHOD_VERSION, Reason
from services.pricing.evidence.rules.posterior import (
    Belief,
    Quantiles,
    Thin,
    churn_shares,
    quantiles,
    revenue_changes,
    share_above_zero,
    whole_minor,
)
from services.pricing.evidence.rules.predictive import revenue_differences
from shared.money import from_minor

MONTH_DAYS = 30
_BEYOND = 1.5
"""Above the highest price that was ever paid, or below the lowest, by more than this factor the
curve is nothing but a guess."""


def beyond(belief: Belief, price_minor: int) -> tuple[Reason, ...]:
    """Why a price is out of reach of the evidence; empty when it is not."""
    lowest, highest = belief.lowest_minor / _BEYOND, belief.highest_minor * _BEYOND
    within = price_minor > 0 and lowest <= price_minor <= highest
    return () if within else (Reason.PRICE_BEYOND_EVIDENCE,)


def evidence(
    believed: Belief | Thin,
    *,
    subscribers: int,
    revenue_minor: int,
    currency: str,
    current_minor: int,
    proposed_minor: int,
) -> dict[str, Any]:
    """What can be told, and what cannot be and why."""
    told = {
        "subscribers": subscribers,
        "revenue_30_days": _money(revenue_minor, currency),
        **_about(believed.as_of, current_minor, proposed_minor),
    }
    if isinstance(believed, Thin):
        return told | {"insufficient": [str(reason) for reason in believed.reasons]}
    if reasons := beyond(believed, proposed_minor):
        return told | {"insufficient": [str(reason) for reason in reasons]}
    return told | _impact(believed, proposed_minor)


def untold(as_of: datetime, *, current_minor: int, proposed_minor: int) -> dict[str, Any]:
    """Of a price of which nothing is known, as there are no statistics at the moment."""
    about = _about(as_of, current_minor, proposed_minor)
    return about | {"insufficient": [str(Reason.STATISTICS_NOT_AVAILABLE)]}


def _about(as_of: datetime, current_minor: int, proposed_minor: int) -> dict[str, Any]:
    about: dict[str, Any] = {"as_of": as_of.isoformat(), "method_version": METHOD_VERSION}
    if current_minor > 0:
        about["change_percent"] = 100.0 * (proposed_minor - current_minor) / current_minor
    return about


def _impact(belief: Belief, proposed_minor: int) -> dict[str, Any]:
    changes = revenue_changes(belief, proposed_minor, MONTH_DAYS)
    counted = revenue_differences(belief, proposed_minor, MONTH_DAYS)
    return {
        "elasticity": _quantiles(quantiles(belief.draws_elasticity)),
        "revenue_impact": _amounts(quantiles(changes), belief.currency),
        "revenue_change_30_days": _amounts(quantiles(counted), belief.currency),
        "churn_risk": _quantiles(quantiles(churn_shares(belief, proposed_minor))),
        "confidence": share_above_zero(changes),
        "objective": "OBJECTIVE_REVENUE",
    }


def _quantiles(told: Quantiles) -> dict[str, float]:
    return {"p10": told.p10, "p50": told.p50, "p90": told.p90}


def _amounts(told: Quantiles, currency: str) -> dict[str, Any]:
    return {name: _money(whole_minor(value), currency) for name, value in _quantiles(told).items()}


def _money(minor: int, currency: str) -> dict[str, Any]:
    units, nanos = from_minor(minor, currency)
    return {"currency_code": currency, "units": units, "nanos": nanos}

"""What a suggestion lends to the request that follows it. Suggestions are JSON of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from services.pricing.approvals.rules import writing
from services.pricing.approvals.rules.approval import Risk
from services.pricing.guard_rails.rules.risks import amount
from shared.money import to_minor

_MONTH_DAYS = 30
_Z_95, _Z_80 = 1.959964, 1.281552  # of the ends of the 95 % interval, and of P10 and P90


def suggests(
    suggestion: Mapping[str, Any], current_minor: int, proposed_minor: int, currency: str
) -> bool:
    """Whether it is about exactly this price, from this one in force."""
    about = (suggestion.get("current_price"), suggestion.get("suggested_price"))
    return [_minor(one, currency) for one in about] == [current_minor, proposed_minor]


def evidence_of(suggestion: Mapping[str, Any], made_at: datetime) -> dict[str, Any]:
    """Its evidence, about the price that it suggests, for a month."""
    days = int(suggestion.get("horizon_days") or _MONTH_DAYS)
    found = {
        "elasticity": _quantiles(suggestion.get("elasticity")),
        "revenue_impact": _monthly(suggestion.get("revenue_impact"), days),
        "churn_risk": suggestion.get("churn_risk"),
        "confidence": suggestion.get("confidence"),
        "objective": suggestion.get("objective"),
        "method_version": suggestion.get("method_version"),
        "as_of": made_at.isoformat(),
    }
    return {name: value for name, value in found.items() if value}


def risks_of_suggestion(
    suggestion: Mapping[str, Any], current_minor: int, proposed_minor: int, currency: str
) -> Iterator[Risk]:
    """Its own, and that it was about another price than this request is."""
    suggested = _minor(suggestion.get("suggested_price"), currency)
    if suggested != proposed_minor:
        yield Risk(
            "differs_from_suggestion",
            f"{amount(suggested, currency)} was suggested, {amount(proposed_minor, currency)} is "
            "asked for: the evidence is about the second.",
        )
    base = _minor(suggestion.get("current_price"), currency)
    if base != current_minor:
        yield Risk(
            "suggestion_outdated",
            f"The price in force was {amount(base, currency)} when it was suggested: the evidence "
            "is about the one of now.",
        )
    for one in suggestion.get("risks", ()):
        yield Risk(one["name"], one.get("description", ""))


def _minor(money: Mapping[str, Any] | None, currency: str) -> int:
    if money is None:
        return 0
    units, nanos = int(money.get("units", 0)), int(money.get("nanos", 0))
    sign = -1 if units < 0 or nanos < 0 else 1
    return sign * (to_minor(abs(units), abs(nanos), currency) or 0)


def _quantiles(elasticity: Mapping[str, Any] | None) -> dict[str, float] | None:
    """Of the estimate, whose interval is that of 95 %."""
    if not elasticity or elasticity.get("insufficient_data"):
        return None
    mean = float(elasticity.get("mean", 0.0))
    width = float(elasticity.get("upper", 0.0)) - float(elasticity.get("lower", 0.0))
    step = width / 2 / _Z_95 * _Z_80
    return {"p10": mean - step, "p50": mean, "p90": mean + step}


def _monthly(impact: Mapping[str, Any] | None, days: int) -> dict[str, Any] | None:
    """The change of the revenue within so many days, as one of a month."""
    if not impact:
        return None
    return {name: _share(money, days) for name, money in impact.items()}


def _share(money: Mapping[str, Any], days: int) -> dict[str, Any]:
    currency = money["currency_code"]
    return writing.money(round(Fraction(_minor(money, currency) * _MONTH_DAYS, days)), currency)

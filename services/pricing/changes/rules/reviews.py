"""What was predicted of a change against what came, after 30, 60 and 90 days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.pricing.changes.rules.changes import Impact
from shared.money import EXPONENTS, to_minor

REVIEW_DAYS = (30, 60, 90)

MOST_PAY = 0.9
"""What was predicted is of everybody's paying the new price: below this share it says nothing."""

_MONTH = timedelta(hours=720)
_MICRO_DIGITS = 6


class Window(NamedTuple):
    """From a moment on, up to another."""

    since: datetime
    until: datetime


def before(effective_at: datetime) -> Window:
    """The month before a change took effect."""
    return Window(effective_at - _MONTH, effective_at)


def after(effective_at: datetime, days: int) -> Window:
    """The month before a review."""
    until = effective_at + timedelta(hours=24 * days)
    return Window(until - _MONTH, until)


def minor_units(micros: int, currency: str) -> int:
    """Millionths in whole minor units, halves to the even one."""
    per_minor: int = 10 ** (_MICRO_DIGITS - EXPONENTS[currency])
    whole, rest = divmod(micros, per_minor)
    return whole + (2 * rest > per_minor or (2 * rest == per_minor and whole % 2 == 1))


def impact_of(evidence: Mapping[str, Any], currency: str) -> Impact | None:
    """What frozen evidence predicted of two months; None where it could not tell."""
    told = evidence.get("revenue_change_30_days")
    if not isinstance(told, Mapping):
        return None
    found = [_minor(told.get(name, {}), currency) for name in Impact._fields]
    return None if None in found else Impact._make(found)


def within(predicted: Impact | None, actual_minor: int, paid_share: float) -> bool | None:
    """Whether what came is as predicted; None where that cannot be judged."""
    if predicted is None or paid_share < MOST_PAY:
        return None
    return predicted.holds(actual_minor)


def _minor(money: Mapping[str, Any], currency: str) -> int | None:
    """An amount of `google.type.Money` as JSON: zeros are left out, wide numbers are text."""
    return to_minor(int(money.get("units", 0)), int(money.get("nanos", 0)), currency)

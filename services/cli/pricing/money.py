"""Amounts as people type and read them: exact, for no float comes near them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click
from google.type.money_pb2 import Money

from footfall.pricing.v1.price_pb2 import BillingPeriod
from services.cli.telling import is_text, shortened
from shared.money import EXPONENTS, MAX_MINOR, from_minor, to_minor

_TYPED = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:\s*([A-Za-z]{3}))?", re.ASCII)
_EXAMPLE = "an amount is written like 49.90 or '49.90 EUR'"
_MONTHS = {
    BillingPeriod.BILLING_PERIOD_MONTH: 1,
    BillingPeriod.BILLING_PERIOD_QUARTER: 3,
    BillingPeriod.BILLING_PERIOD_YEAR: 12,
}
_EACH = {
    BillingPeriod.BILLING_PERIOD_ONCE: "once",
    BillingPeriod.BILLING_PERIOD_MONTH: "a month",
    BillingPeriod.BILLING_PERIOD_QUARTER: "a quarter",
    BillingPeriod.BILLING_PERIOD_YEAR: "a year",
}


class AmountRefused(click.UsageError):
    """What was typed is no amount."""


class Typed(click.ParamType[tuple[str, str]]):
    """Digits, and the currency where it stands beside them."""

    name = "AMOUNT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        try:
            return _split(str(value))
        except AmountRefused as refusal:
            self.fail(refusal.message, param, ctx)


def amount_option(
    name: str, meaning: str, *, required: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that takes an amount."""
    return click.option(
        name, type=Typed(), metavar="AMOUNT", required=required,
        help=f"{meaning}, such as 49.90 or '49.90 EUR'.",
    )  # fmt: skip


CURRENCY = click.option(
    "--currency",
    metavar="CODE",
    default="",
    help="ISO 4217 code, such as EUR.  [default: that of the tier]",
)


def parsed(text: str, currency: str = "") -> Money:
    """`49.90` of a currency, or `49.90 EUR`. Raises AmountRefused."""
    return amount(_split(text), currency)


def amount(typed: tuple[str, str], currency: str = "") -> Money:
    """What was typed, in that currency unless it says one. Raises AmountRefused."""
    digits, beside = typed
    code = (beside or currency).upper()
    if beside and currency and code != currency.upper():
        raise AmountRefused(f"{shortened(digits)} {code} is not of {currency.upper()}.")
    if not code:
        raise AmountRefused(
            f"Of which currency is {shortened(digits)}? Give --currency, or '49.90 EUR'."
        )
    if code not in EXPONENTS:
        raise AmountRefused(f"{shortened(code)!r} is no ISO 4217 code such as EUR or USD.")
    whole, _, parts = digits.partition(".")
    decimals = EXPONENTS[code]
    if len(parts.rstrip("0")) > decimals:
        raise AmountRefused(
            f"{shortened(digits)} {code}: {code} has {_decimals(decimals)}, no smaller parts."
        )
    minor = whole.lstrip("0") + parts[:decimals].ljust(decimals, "0")
    if len(minor) > len(str(MAX_MINOR)):
        raise AmountRefused(f"{shortened(digits)} {code} is more than {most(code)}.")
    return of_minor(int(minor or 0), code)


def of_minor(minor: int, currency: str) -> Money:
    """So many cents, yen or fils."""
    units, nanos = from_minor(minor, currency)
    return Money(currency_code=currency, units=units, nanos=nanos)


def minor_of(money: Money) -> int:
    """Whole minor units; parts of one, which no price has, are cut off."""
    found = to_minor(money.units, money.nanos, money.currency_code)
    return found if found is not None else int(money.units * 10 ** EXPONENTS[money.currency_code])


def most(currency: str) -> str:
    """The largest amount that there is."""
    return said(of_minor(MAX_MINOR, currency))


def said(money: Money, *, signed: bool = False) -> str:
    """`1,249.90 EUR`; a difference has its sign in front, rises too."""
    return f"{number(money, signed=signed)} {money.currency_code}"


def number(money: Money, *, signed: bool = False) -> str:
    """The same without its currency; `?` of one that only a newer service knows."""
    if money.currency_code not in EXPONENTS:
        return "?"
    minor, decimals = minor_of(money), EXPONENTS[money.currency_code]
    whole, parts = divmod(abs(minor), 10**decimals)
    sign = "-" if minor < 0 else "+" if signed and minor else ""
    return f"{sign}{whole:,}" + (f".{parts:0{decimals}}" if decimals else "")


def each(period: BillingPeriod.ValueType) -> str:
    """How often it is paid: `a month`."""
    return _EACH.get(period, "a billing period")


def difference(old: Money, new: Money) -> Money:
    """What is paid more, or less when it is negative."""
    return of_minor(minor_of(new) - minor_of(old), new.currency_code)


def percent(old: Money, new: Money) -> str:
    """`+20.4%`, to a tenth; of nothing there is no share."""
    before, change = minor_of(old), minor_of(new) - minor_of(old)
    if not before:
        return "from nothing"
    tenths = (2000 * abs(change) + before) // (2 * before)
    sign = "-" if change < 0 else "+"
    return f"{sign}{tenths // 10:,}.{tenths % 10}%"


def of_all_per_month(one: Money, subscribers: int, period: BillingPeriod.ValueType) -> Money | None:
    """What all pay in a month, rounded to the minor unit; None of what is paid once."""
    if period not in _MONTHS:
        return None
    total, months = minor_of(one) * subscribers, _MONTHS[period]
    rounded = (2 * abs(total) + months) // (2 * months)
    return of_minor(-rounded if total < 0 else rounded, one.currency_code)


def _split(text: str) -> tuple[str, str]:
    """Digits and currency; what is none is refused in words."""
    found = _TYPED.fullmatch(text.strip()) if is_text(text) else None
    if found is None:
        raise AmountRefused(f"{shortened(text)!r} is no amount: {_EXAMPLE}.")
    sign, whole, parts, currency = found.groups()
    if sign:
        raise AmountRefused(f"{shortened(text)!r} is less than nothing: {_EXAMPLE}.")
    return f"{whole}.{parts}" if parts else whole, currency or ""


def _decimals(count: int) -> str:
    return f"{count} decimals" if count else "no decimals"

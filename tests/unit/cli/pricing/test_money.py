"""Amounts on the command line: exact, or refused in words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.pricing.v1.price_pb2 import BillingPeriod
from services.cli.pricing import money
from shared.money import EXPONENTS, MAX_MINOR


@pytest.mark.parametrize(
    ("typed", "currency", "said"),
    [
        ("49.90", "EUR", "49.90 EUR"),
        ("49.9 EUR", "", "49.90 EUR"),
        ("49.90eur", "EUR", "49.90 EUR"),
        ("0", "EUR", "0.00 EUR"),
        ("0.010", "EUR", "0.01 EUR"),
        ("1249", "JPY", "1,249 JPY"),
        ("1.234", "KWD", "1.234 KWD"),
        ("9999999999.99", "EUR", "9,999,999,999.99 EUR"),
    ],
)
def test_an_amount_is_taken_to_its_minor_unit(typed: str, currency: str, said: str) -> None:
    assert money.said(money.parsed(typed, currency)) == said


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        *((text, "is no amount") for text in ("NaN", "inf", "1e400", "1,000", ".5", "5.", "", "٣")),
        ("-1", "less than nothing"),
        ("-0.005", "less than nothing"),
        ("0.005", "2 decimals"),
        ("5.5 JPY", "no decimals"),
        ("10000000000", "more than 9,999,999,999.99 EUR"),
        ("9" * 5000, "more than"),
        ("0." + "1" * 5000, "2 decimals"),
        ("1 QQQ", "no ISO 4217 code"),
        ("\ud800", "is no amount"),
    ],
)
def test_what_is_no_amount_is_refused_in_words(typed: str, told: str) -> None:
    with pytest.raises(money.AmountRefused) as refused:
        money.parsed(typed, "" if typed.endswith(("JPY", "QQQ")) else "EUR")
    assert told in refused.value.message
    assert len(refused.value.message) < 200


def test_two_currencies_contradict_each_other_and_none_is_asked_for() -> None:
    with pytest.raises(money.AmountRefused, match="is not of EUR"):
        money.parsed("1 USD", "EUR")
    with pytest.raises(money.AmountRefused, match="Of which currency"):
        money.parsed("1")


@given(st.integers(0, MAX_MINOR), st.sampled_from(sorted(EXPONENTS)))
def test_what_is_said_is_what_was_typed(minor: int, currency: str) -> None:
    text = str(Decimal(minor).scaleb(-EXPONENTS[currency]).quantize(Decimal(1).scaleb(
        -EXPONENTS[currency])))  # fmt: skip
    typed = money.parsed(f"{text} {currency}")
    assert money.minor_of(typed) == minor
    assert money.parsed(money.said(typed).replace(",", "")) == typed


def test_a_difference_has_its_sign_and_its_share() -> None:
    old, new = money.parsed("49 EUR"), money.parsed("59 EUR")
    assert money.said(money.difference(old, new), signed=True) == "+10.00 EUR"
    assert money.said(money.difference(new, old), signed=True) == "-10.00 EUR"
    assert money.said(money.difference(old, old), signed=True) == "0.00 EUR"
    assert money.percent(old, new) == "+20.4%"
    assert money.percent(new, old) == "-16.9%"
    assert money.percent(money.parsed("0 EUR"), new) == "from nothing"


@pytest.mark.parametrize(
    ("period", "told"),
    [
        (BillingPeriod.BILLING_PERIOD_MONTH, "700.00 EUR"),
        (BillingPeriod.BILLING_PERIOD_QUARTER, "233.33 EUR"),
        (BillingPeriod.BILLING_PERIOD_YEAR, "58.33 EUR"),
    ],
)
def test_all_pay_so_much_more_in_a_month(period: BillingPeriod.ValueType, told: str) -> None:
    together = money.of_all_per_month(money.parsed("100 EUR"), 7, period)
    assert together is not None
    assert money.said(together) == told


def test_what_is_paid_once_is_not_paid_each_month() -> None:
    once = BillingPeriod.BILLING_PERIOD_ONCE
    assert money.of_all_per_month(money.parsed("100 EUR"), 7, once) is None

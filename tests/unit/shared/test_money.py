"""Amounts in whole minor units, for every currency there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import EXPONENTS, MAX_MINOR, from_minor, to_minor

NANOS = 10**9
currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(-MAX_MINOR, MAX_MINOR)


@given(currency=currencies, minor=amounts)
def test_there_and_back(currency: str, minor: int) -> None:
    units, nanos = from_minor(minor, currency)
    assert to_minor(units, nanos, currency) == minor


@given(currency=currencies, minor=amounts)
def test_units_and_billionths_are_of_one_sign(currency: str, minor: int) -> None:
    units, nanos = from_minor(minor, currency)
    assert units * nanos >= 0
    assert abs(nanos) < NANOS
    assert abs(units) <= MAX_MINOR


@given(currency=currencies, minor=amounts)
def test_they_are_worth_what_they_were(currency: str, minor: int) -> None:
    units, nanos = from_minor(minor, currency)
    assert (units * NANOS + nanos) * 10 ** EXPONENTS[currency] == minor * NANOS


@given(currency=currencies, units=st.integers(0, 10**12), nanos=st.integers(0, NANOS - 1))
def test_there_are_no_parts_of_a_minor_unit(currency: str, units: int, nanos: int) -> None:
    least = NANOS // 10 ** EXPONENTS[currency]
    whole = units * 10 ** EXPONENTS[currency] + nanos // least
    assert to_minor(units, nanos, currency) == (None if nanos % least else whole)


@given(currency=currencies, one=amounts, other=amounts)
def test_more_is_more(currency: str, one: int, other: int) -> None:
    assert (from_minor(one, currency) < from_minor(other, currency)) == (one < other)


@pytest.mark.parametrize(
    ("currency", "minor", "shown"),
    [
        ("EUR", 999, (9, 990_000_000)),
        ("EUR", 1, (0, 10_000_000)),
        ("EUR", -1, (0, -10_000_000)),
        ("EUR", -999, (-9, -990_000_000)),
        ("JPY", 999, (999, 0)),
        ("KWD", 999, (0, 999_000_000)),
        ("KWD", 1, (0, 1_000_000)),
        ("CLF", 1, (0, 100_000)),
        ("UGX", MAX_MINOR, (999_999_999_999, 0)),
        ("BHD", MAX_MINOR, (999_999_999, 999_000_000)),
    ],
)
def test_by_the_digits_of_the_currency(currency: str, minor: int, shown: tuple[int, int]) -> None:
    assert from_minor(minor, currency) == shown
    assert to_minor(*shown, currency) == minor


def test_an_unknown_currency_has_no_digits() -> None:
    with pytest.raises(KeyError):
        to_minor(1, 0, "XTS")


def test_the_currencies_are_those_of_the_standard() -> None:
    """What came and went with the last amendments, and what is no money to be paid."""
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in EXPONENTS)
    assert {"EUR", "SLE", "VED", "XCG", "ZWG"} <= EXPONENTS.keys()
    gone = {"ANG", "BGN", "BYR", "CUC", "HRK", "LTL", "MRO", "SLL", "STD", "VEF", "ZWL"}
    no_money = {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA"}
    assert not EXPONENTS.keys() & (gone | no_money)


@pytest.mark.parametrize(
    ("digits", "codes"),
    [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    ],
)
def test_all_others_have_two_digits(digits: int, codes: str) -> None:
    assert {one for one in EXPONENTS if EXPONENTS[one] == digits} == set(codes.split())

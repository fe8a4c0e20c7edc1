"""Amounts between the wire and minor units."""

from __future__ import annotations

import pytest
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from services.pricing.amounts import Amount, from_money, to_money
from shared.errors import InvalidField
from shared.money import EXPONENTS, MAX_MINOR

currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(0, MAX_MINOR)


@given(currency=currencies, minor=amounts)
def test_there_and_back(currency: str, minor: int) -> None:
    assert from_money(to_money(minor, currency), "price") == Amount(minor, currency)


@given(currency=currencies, minor=amounts)
def test_over_the_wire_and_back(currency: str, minor: int) -> None:
    sent = to_money(minor, currency)
    received = Money.FromString(sent.SerializeToString())
    assert to_money(from_money(received, "price").minor, currency) == sent


@given(
    currency=st.one_of(currencies, st.text(max_size=4)),
    units=st.integers(-(2**63), 2**63 - 1),
    nanos=st.integers(-(2**31), 2**31 - 1),
)
def test_what_is_taken_is_what_was_sent(currency: str, units: int, nanos: int) -> None:
    """Whatever a message can carry: it is exactly an amount that can be kept, or refused."""
    sent = Money(currency_code=currency, units=units, nanos=nanos)
    try:
        amount = from_money(sent, "price")
    except InvalidField as refusal:
        [violation] = refusal.violations
        assert violation.field.startswith("price")
        return
    assert 0 <= amount.minor <= MAX_MINOR
    assert to_money(amount.minor, amount.currency) == sent


@given(currency=currencies, minor=st.integers(MAX_MINOR + 1, 10**15))
def test_thirteen_digits_are_too_many(currency: str, minor: int) -> None:
    with pytest.raises(InvalidField):
        from_money(to_money(minor, currency), "price")


@given(currency=currencies, minor=st.integers(-MAX_MINOR, -1))
def test_less_than_nothing_is_refused(currency: str, minor: int) -> None:
    with pytest.raises(InvalidField):
        from_money(to_money(minor, currency), "price")


@given(currency=currencies, other=currencies, minor=amounts)
def test_another_currency_is_refused(currency: str, other: str, minor: int) -> None:
    if currency == other:
        assert from_money(to_money(minor, currency), "price", other).minor == minor
        return
    with pytest.raises(InvalidField) as refusal:
        from_money(to_money(minor, currency), "price", other)
    assert [one.field for one in refusal.value.violations] == ["price.currency_code"]

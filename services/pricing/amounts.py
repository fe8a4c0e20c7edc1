# house: all areas say amounts with it
"""Amounts of money between the wire and whole minor units, for every area of pricing."""

from __future__ import annotations

from dataclasses import dataclass

from google.type.money_pb2 import Money

from shared.errors import InvalidField
from shared.money import EXPONENTS, MAX_MINOR, from_minor, to_minor

_NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Amount:
    """So many minor units of a currency: cents, yen, fils."""

    minor: int
    currency: str


def from_money(sent: Money, field: str, currency: str | None = None) -> Amount:
    """The amount in minor units, exactly; of this currency when one is given.

    Raises InvalidField naming what is wrong: a currency that is unknown or another, less than
    nothing, parts of a minor unit, more than twelve digits.
    """
    code = sent.currency_code
    if code not in EXPONENTS:
        raise InvalidField.of(
            f"{field}.currency_code", "must be the ISO 4217 code of a currency, such as EUR"
        )
    if currency is not None and code != currency:
        raise InvalidField.of(f"{field}.currency_code", f"must be {currency}, as all of the tier")
    if sent.units < 0 or not 0 <= sent.nanos < _NANOS:
        raise InvalidField.of(field, "must not be negative, with nanos from 0 to 999,999,999")
    minor = to_minor(sent.units, sent.nanos, code)
    if minor is None:
        raise InvalidField.of(
            f"{field}.nanos", f"{code} has {EXPONENTS[code]} decimals; there are no smaller parts"
        )
    if minor > MAX_MINOR:
        raise InvalidField.of(field, f"must not be more than {MAX_MINOR:,} of the minor unit")
    return Amount(minor, code)


def to_money(minor: int, currency: str) -> Money:
    """An amount as it is shown; negative where it is a difference."""
    units, nanos = from_minor(minor, currency)
    return Money(currency_code=currency, units=units, nanos=nanos)

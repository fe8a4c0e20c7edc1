"""Amounts of money as whole minor units of their currency, exact: no float comes near them.

The currencies are those of ISO 4217 (list one, as of 1 January 2026) whose minor unit it gives in
digits, units of account such as CLF among them. What has none is no money to be paid: metals,
drawing rights, bond market units, test codes. The digits are those of the standard, not of custom:
an IQD has three, though nobody pays with a fils.
"""

from __future__ import annotations

from collections.abc import Mapping

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD
RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH
USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""

EXPONENTS: Mapping[str, int] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
    **dict.fromkeys(_FOUR.split(), 4),
}
"""Digits of the minor unit, by currency."""

MAX_MINOR = 999_999_999_999
"""Twelve digits."""

_NANO_DIGITS = 9


def to_minor(units: int, nanos: int, currency: str) -> int | None:
    """Whole minor units of an amount in units and billionths; None when it has parts of one.

    Raises KeyError for an unknown currency.
    """
    exponent = EXPONENTS[currency]
    parts, rest = divmod(nanos, 10 ** (_NANO_DIGITS - exponent))
    return None if rest else int(units * 10**exponent + parts)


def from_minor(minor: int, currency: str) -> tuple[int, int]:
    """The units and billionths of an amount in minor units, of one sign."""
    exponent = EXPONENTS[currency]
    units, parts = divmod(abs(minor), 10**exponent)
    sign = -1 if minor < 0 else 1
    return sign * units, sign * parts * 10 ** (_NANO_DIGITS - exponent)

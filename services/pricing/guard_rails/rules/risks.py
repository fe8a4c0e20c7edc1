"""What a price outside the guard-rails risks, in words for who decides."""

from __future__ import annotations

from typing import NamedTuple

from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.rails import Rail, lower_rails, upper_rails
from services.pricing.guard_rails.rules.settings import PricingSettings
from shared.money import EXPONENTS

OUTSIDE = "outside_guard_rails"


class Risk(NamedTuple):
    """Something to think of: its name, and one sentence."""

    name: str
    description: str


def outside(settings: PricingSettings, ground: Ground, proposed_minor: int) -> list[Risk]:
    """One risk for each rail that the price is beyond, with which and by how much.

    Rounding is no rail here: it shapes what is suggested, and harms nobody.
    """
    below = [
        _told(rail, rail.minor - proposed_minor, "less", ground.currency)
        for rail in lower_rails(settings, ground)
        if proposed_minor < rail.minor
    ]
    above = [
        _told(rail, proposed_minor - rail.minor, "more", ground.currency)
        for rail in upper_rails(settings, ground)
        if proposed_minor > rail.minor
    ]
    return [Risk(OUTSIDE, told) for told in (*below, *above)]


def amount(minor: int, currency: str) -> str:
    """An amount for people, such as `1,250.00 EUR`."""
    exponent = EXPONENTS[currency]
    units, parts = divmod(abs(minor), 10**exponent)
    decimals = f".{parts:0{exponent}}" if exponent else ""
    return f"{'-' if minor < 0 else ''}{units:,}{decimals} {currency}"


def _told(rail: Rail, beyond: int, word: str, currency: str) -> str:
    by, end = amount(beyond, currency), amount(rail.minor, currency)
    return f"{rail.name}: {by} {word} than {end}, {rail.why}"

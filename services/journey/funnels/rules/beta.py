"""Quantiles of the beta distribution: how sure a share is that rests on so many cases.

A share of a Dirichlet distribution is beta distributed (Gelman et al., "Bayesian Data Analysis",
3rd ed., section 3.4 and appendix A). The distribution function is the continued fraction 8.17.22
of the Digital Library of Mathematical Functions, evaluated as Lentz did; its inverse is found by
Newton's method, halving the bracket where that would leave it.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISION = 1e-12
_TERMS = 10_000
_STEPS = 200
_LEAST = 1e-6
"""Of cases: below it all of the distribution is at one end."""


def credible_interval(share: float, cases: float, credibility: float) -> tuple[float, float]:
    """The central interval of a share with that mean, resting on so many cases; it holds the mean.

    That of a very skewed distribution would not.
    """
    a, b = max(_LEAST, cases * share), max(_LEAST, cases * (1 - share))
    tail = (1 - credibility) / 2
    return min(share, quantile(tail, a, b)), max(share, quantile(1 - tail, a, b))


def quantile(share: float, a: float, b: float) -> float:
    """Below what the given share of a beta distribution lies."""
    low, high, at = 0.0, 1.0, a / (a + b)
    for _ in range(_STEPS):
        excess = cumulative(at, a, b) - share
        low, high = (low, at) if excess > 0 else (at, high)
        density = math.exp(_log_power(at, a, b)) / (at * (1 - at))
        following = at - excess / density if density > _TINY else low
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - at) <= _PRECISION * at or high - low <= _PRECISION * _PRECISION:
            return following
        at = following
    return at


def cumulative(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - cumulative(1 - x, b, a)
    return math.exp(_log_power(x, a, b)) * _continued_fraction(x, a, b) / a


def _log_power(x: float, a: float, b: float) -> float:
    """The logarithm of x^a (1 - x)^b / B(a, b)."""
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return scale + a * math.log(x) + b * math.log1p(-x)


def _continued_fraction(x: float, a: float, b: float) -> float:
    numerator, denominator = 1.0, _inverse(1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            denominator = _inverse(1 + term * denominator)
            numerator = 1 + term / numerator or _TINY
            value *= numerator * denominator
        if abs(numerator * denominator - 1) < _PRECISION:
            break
    return value


def _inverse(x: float) -> float:
    return 1 / (x or _TINY)

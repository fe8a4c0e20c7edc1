"""Shares with the intervals that hold them: of one group, between two, and of another policy."""

from __future__ import annotations

import math
from typing import NamedTuple

_Z = 1.959963984540054
"""Between minus and plus so many deviations lie 95 % of a normal distribution."""


class Estimate(NamedTuple):
    """A number, with the interval of 95 % that holds it, out of so many."""

    value: float
    lower: float
    upper: float
    n: int


class Weighed(NamedTuple):
    """Decisions of a learning policy, weighed by how much likelier another had made the same.

    The weight of one is 1 / propensity where the other policy chooses the same action, else 0.
    """

    decisions: int
    taken: int
    weight: float
    """Their sum."""
    squares: float
    """Sum of their squares."""
    weight_taken: float
    """Sum of those that were taken up."""


def wilson(taken: float, n: float) -> tuple[float, float]:
    """The score interval of a share; everything is possible when nothing was tried.

    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927).
    """
    if n <= 0:
        return 0.0, 1.0
    share, square = taken / n, _Z * _Z
    centre = share + square / (2 * n)
    margin = _Z * math.sqrt(max(0.0, share * (1 - share) / n + square / (4 * n * n)))
    scale = 1 + square / n
    lower = 0.0 if taken <= 0 else (centre - margin) / scale
    return lower, 1.0 if taken >= n else (centre + margin) / scale


def share(taken: int, n: int) -> Estimate:
    """A share of n, 0 where there is none to be had."""
    return Estimate(taken / n if n else 0.0, *wilson(taken, n), n)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """By how much the first share is larger.

    Method 10 of Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998): the intervals of both, combined.
    """
    between = one.value - other.value
    return Estimate(
        between,
        between - math.hypot(one.value - one.lower, other.upper - other.value),
        between + math.hypot(one.upper - one.value, other.value - other.lower),
        one.n + other.n,
    )


def effective_n(weighed: Weighed) -> float:
    """How many decisions of weight 1 would tell as much (Kish, "Survey Sampling", 1965)."""
    return weighed.weight**2 / weighed.squares if weighed.squares > 0 else 0.0


def off_policy(weighed: Weighed) -> Estimate | None:
    """The share that the other policy would have had taken up; None where nothing tells of it.

    The self-normalised estimator of inverse propensity (Swaminathan and Joachims, "The
    self-normalized estimator for counterfactual learning", NIPS 2015): the weighted share. Its
    interval is Wilson's for the effective number of decisions, which stays wide where all that is
    weighed came out alike.
    """
    if weighed.weight <= 0:
        return None
    value, n = weighed.weight_taken / weighed.weight, effective_n(weighed)
    return Estimate(value, *wilson(value * n, n), weighed.decisions)

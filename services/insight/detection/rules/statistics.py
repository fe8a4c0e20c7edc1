"""Exact tests, one-sided, and Wilson's interval; for counts up to billions.

Probabilities of single outcomes are computed by Loader's saddle-point expansion ("Fast and accurate
computation of binomial probabilities", 2000), which keeps its digits where a difference of large
logarithms loses them. A tail is the sum of such terms from its near end outwards, each from the one
before it: all are positive, and beyond some multiples of the standard deviation they no longer
count, so that the work grows with the square root of the numbers at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache

Z_95 = 1.96

_SERIES_FROM = 16
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_NEGLIGIBLE = 1e-17
_REMEMBERED = 16_384
_CLOSE = 0.1


@lru_cache(_REMEMBERED)
def fall(recent: int, previous: int, recent_time: int, previous_time: int) -> float:
    """How likely so few recent events, or fewer, are when nothing changed.

    The conditional test of two Poisson rates: given their sum, the recent count is binomial with
    the recent share of the time watched.
    """
    share = recent_time / (recent_time + previous_time)
    return binomial_at_most(recent, recent + previous, share)


@lru_cache(_REMEMBERED)
def rise(recent: int, previous: int, recent_time: int, previous_time: int) -> float:
    """How likely so many recent events, or more, are when nothing changed."""
    share = recent_time / (recent_time + previous_time)
    return binomial_at_least(recent, recent + previous, share)


def binomial_at_most(successes: int, trials: int, share: float) -> float:
    """P(X ≤ successes) of `trials` that succeed with probability `share`."""
    return binomial_at_least(trials - successes, trials, 1 - share)


@lru_cache(_REMEMBERED)
def binomial_at_least(successes: int, trials: int, share: float) -> float:
    """P(X ≥ successes)."""
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    odds = share / (1 - share)
    if successes > trials * share:
        return _sum(
            _binomial(successes, trials, share),
            ((trials - k) * odds / (k + 1) for k in range(successes, trials)),
        )
    return 1 - _sum(
        _binomial(successes - 1, trials, share),
        (k / ((trials - k + 1) * odds) for k in range(successes - 1, 0, -1)),
    )


@lru_cache(_REMEMBERED)
def fisher_at_least(marked: int, drawn: int, all_marked: int, everything: int) -> float:
    """P(X ≥ marked) among `drawn` of `everything`, of which `all_marked` are marked.

    Fisher's exact test of a two-by-two table with these margins.
    """
    low, high = max(0, drawn - (everything - all_marked)), min(drawn, all_marked)
    if marked <= low:
        return 1.0
    if marked > high:
        return 0.0
    unmarked = everything - all_marked
    start = _hypergeometric(drawn, all_marked, everything)
    if marked * everything > drawn * all_marked:
        return _sum(
            start(marked),
            (
                (all_marked - k) * (drawn - k) / ((k + 1) * (unmarked - drawn + k + 1))
                for k in range(marked, high)
            ),
        )
    return 1 - _sum(
        start(marked - 1),
        (
            k * (unmarked - drawn + k) / ((all_marked - k + 1) * (drawn - k + 1))
            for k in range(marked - 1, low, -1)
        ),
    )


def wilson(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a share; everything is possible when nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    share, square = successes / trials, z * z
    centre = share + square / (2 * trials)
    margin = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    low = 0.0 if successes == 0 else (centre - margin) / scale
    return low, 1.0 if successes == trials else (centre + margin) / scale


def _sum(first: float, ratios: Iterator[float]) -> float:
    """The first term and those that follow, each by its ratio to the one before."""
    total = term = first
    for ratio in ratios:
        term *= ratio
        total += term
        if term <= total * _NEGLIGIBLE:  # so too when even the first is too small to be told from 0
            break
    return min(1.0, total)


def _binomial(k: int, n: int, share: float) -> float:
    """P(X = k)."""
    if k == 0:
        return math.exp(n * math.log1p(-share))
    if k == n:
        return math.exp(n * math.log(share))
    logarithm = (
        _stirling_error(n)
        - _stirling_error(k)
        - _stirling_error(n - k)
        - _deviance(k, n * share)
        - _deviance(n - k, n * (1 - share))
    )
    return math.exp(logarithm) * math.sqrt(n / (math.tau * k * (n - k)))


def _hypergeometric(drawn: int, all_marked: int, everything: int) -> Callable[[int], float]:
    """P(X = k) by k, by way of three binomials (as R's dhyper)."""
    share = drawn / everything
    whole = _binomial(drawn, everything, share)

    def probability(k: int) -> float:
        unmarked = everything - all_marked
        return _binomial(k, all_marked, share) * _binomial(drawn - k, unmarked, share) / whole

    return probability


def _stirling_error(n: int) -> float:
    """What Stirling's formula misses of log(n!)."""
    if n < _SERIES_FROM:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - math.log(math.tau) / 2
    inverse = 1 / n
    return sum(part * inverse ** (2 * i + 1) for i, part in enumerate(_STIRLING))


def _deviance(x: float, mean: float) -> float:
    """x·log(x/mean) + mean - x, with its digits kept where x is close to the mean."""
    difference = x - mean
    if abs(difference) >= _CLOSE * (x + mean):
        return x * math.log(x / mean) - difference
    v = difference / (x + mean)
    total, odd, power = difference * v, 1, 2 * x * v
    while True:
        power *= v * v
        odd += 2
        if (grown := total + power / odd) == total:
            return total
        total = grown

"""Beta distributions: who of several is the largest, what a quantile is, and draws from one.

All integrals are taken over the log-odds y = ln(x / (1 - x)): there the density of every Beta,
x^a (1 - x)^b / B(a, b), has one mode, at ln(a / b), and neither end is singular however small the
parameters are.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

_CORE = 4.0
_STEP = 0.25
"""Up to four deviations from the mode points lie a quarter of one apart; then ever further."""
_GROWTH = 1.2
_NEGLIGIBLE = -30.0
"""Logarithm of the density, against the mode, from which on it counts as nothing."""
_HALVINGS = 40


class Beta(NamedTuple):
    """A belief about a share."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A distribution function at points of the log-odds, and its derivative there."""

    points: Sequence[float]
    below: Sequence[float]
    density: Sequence[float]


def largest(arms: Sequence[Beta]) -> tuple[float, ...]:
    """With what probability each is the largest of all; they sum to 1.

    P(i) is the integral of g_i times the product of G_j over all j but i, for densities g and
    distribution functions G: what Thompson sampling chooses with (Agrawal and Goyal, "Analysis of
    Thompson Sampling for the Multi-armed Bandit Problem", COLT 2012; Scott, "A modern Bayesian
    look at the multi-armed bandit", 2010, section 2).
    """
    if len(arms) == 1:
        return (1.0,)
    points = _halved(sorted({point for arm in arms for point in _points(arm)}))
    curves = [_curve(arm, points) for arm in arms]
    found = [_simpson(points, _winning(curves, arm)) for arm in range(len(arms))]
    whole = sum(found)
    return tuple(one / whole for one in found)


def quantiles(arm: Beta, shares: Sequence[float]) -> tuple[float, ...]:
    """Below which value the share of the distribution lies, for each share."""
    curve = _curve(arm, _points(arm))
    return tuple(_odds(_inverse(curve, share)) for share in shares)


def draw(arm: Beta, uniform: Callable[[], float]) -> float:
    """A draw, from uniform ones in [0, 1): X / (X + Y) for X and Y of Gamma(a) and Gamma(b).

    Written out because Python promises that `random.Random.random` stays as it is for a seed, and
    promises nothing of `betavariate`: a decision must be replayable in years.
    """
    x, y = _gamma(arm.a, uniform), _gamma(arm.b, uniform)
    return x / (x + y) if x + y > 0 else arm.mean


def _gamma(shape: float, uniform: Callable[[], float]) -> float:
    """Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000)."""
    if shape < 1:  # section 6 there
        return _gamma(shape + 1, uniform) * math.pow(1 - uniform(), 1 / shape)
    d = shape - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = _normal(uniform)
        v = (1 + c * x) ** 3
        if v > 0 and math.log(1 - uniform()) < x * x / 2 + d - d * v + d * math.log(v):
            return d * v


def _normal(uniform: Callable[[], float]) -> float:
    """Box and Muller, "A note on the generation of random normal deviates", 1958."""
    radius = math.sqrt(-2 * math.log(1 - uniform()))
    return radius * math.cos(2 * math.pi * uniform())


def _points(arm: Beta) -> list[float]:
    """Where its density is to be looked at: close around the mode, out to where nothing is left."""
    mode, deviation = math.log(arm.a / arm.b), math.sqrt(1 / arm.a + 1 / arm.b)
    core = int(_CORE / _STEP)
    points = [mode + deviation * _STEP * place for place in range(-core, core + 1)]
    for side in (-1.0, 1.0):
        offset = _CORE
        while _log_density(arm, mode + side * deviation * offset) > _NEGLIGIBLE:
            offset *= _GROWTH
            points.append(mode + side * deviation * offset)
    return sorted(points)


def _halved(points: Sequence[float]) -> list[float]:
    """The same with the middle of every two."""
    halved = [points[0]]
    for low, high in pairwise(points):
        halved += [(low + high) / 2, high]
    return halved


def _log_density(arm: Beta, point: float) -> float:
    """Of the log-odds, against that of the mode: nothing is left to cancel for large counts."""
    mode = math.log(arm.a / arm.b)
    return arm.a * (_log_odds(point) - _log_odds(mode)) + arm.b * (
        _log_odds(-point) - _log_odds(-mode)
    )


def _curve(arm: Beta, points: Sequence[float]) -> _Curve:
    """By the trapezoidal rule with its end corrections, h^2 / 12 times the change of the slope.

    Davis and Rabinowitz, "Methods of Numerical Integration", 1984, section 2.9: exact for cubics.
    """
    density = [math.exp(_log_density(arm, point)) for point in points]
    slope = [
        value * (arm.a - (arm.a + arm.b) * _odds(point))
        for value, point in zip(density, points, strict=True)
    ]
    below = [0.0]
    for place in range(1, len(points)):
        step = points[place] - points[place - 1]
        mass = step / 2 * (density[place - 1] + density[place])
        mass += step * step / 12 * (slope[place - 1] - slope[place])
        below.append(below[-1] + max(0.0, mass))
    whole = below[-1]
    return _Curve(points, [one / whole for one in below], [one / whole for one in density])


def _winning(curves: Sequence[_Curve], arm: int) -> list[float]:
    """The density of one times the share of every other that lies below, at all points."""
    others = [curve.below for place, curve in enumerate(curves) if place != arm]
    return [
        density * math.prod(shares)
        for density, *shares in zip(curves[arm].density, *others, strict=True)
    ]


def _simpson(points: Sequence[float], values: Sequence[float]) -> float:
    """The integral, over stretches with a point in the middle of each."""
    return sum(
        (points[place + 2] - points[place])
        / 6
        * (values[place] + 4 * values[place + 1] + values[place + 2])
        for place in range(0, len(points) - 2, 2)
    )


def _inverse(curve: _Curve, share: float) -> float:
    """The point below which the share lies; between points the curve is the cubic through them."""
    high = min(max(1, bisect_left(curve.below, share)), len(curve.points) - 1)
    low = high - 1
    step = curve.points[high] - curve.points[low]
    begin, end = curve.below[low], curve.below[high]
    rise, fall = curve.density[low] * step, curve.density[high] * step
    left, right = 0.0, 1.0
    for _ in range(_HALVINGS):
        t = (left + right) / 2
        rest = 1 - t
        reached = (
            begin * (1 + 2 * t) * rest * rest
            + rise * t * rest * rest
            + end * t * t * (3 - 2 * t)
            - fall * t * t * rest
        )
        left, right = (t, right) if reached < share else (left, t)
    return curve.points[low] + step * right


def _odds(point: float) -> float:
    """The share at these log-odds."""
    if point < 0:
        return math.exp(point) / (1 + math.exp(point))
    return 1 / (1 + math.exp(-point))


def _log_odds(point: float) -> float:
    """The logarithm of the share at these log-odds."""
    return point - math.log1p(math.exp(point)) if point < 0 else -math.log1p(math.exp(-point))

"""The variance of one coefficient of a regression on days: robust, and honest in small samples.

Newey and West's estimator (1987), with two corrections after Bell and McCaffrey (2002). Residuals
are smaller than errors, and a kernel that ends somewhere misses the correlation beyond it: both
biases are worked out under a working model, errors of the first autoregressive order, and taken
away. What is left is compared with a t distribution, whose degrees of freedom are those at which a
multiple of chi-squared has the mean and the variance that the estimator has under that model
(Satterthwaite). The working model need not be true: where it is not, the estimator is Newey and
West's with a factor near one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import toeplitz

Numbers: TypeAlias = NDArray[np.float64]

_GRID = np.linspace(-0.3, 0.95, 26)
_LARGEST = 0.95


@dataclass(frozen=True, slots=True)
class Variance:
    """Of one coefficient."""

    standard_error: float
    freedom: float
    lags: int
    autocorrelation: float
    """Of the errors, from one day to the next: that of the residuals, with its bias removed."""


def variance(design: Numbers, residuals: Numbers, column: int) -> Variance:
    """Of the coefficient of a column; both arguments times the square roots of the weights."""
    days = len(residuals)
    basis, triangle = np.linalg.qr(design)
    influence = basis @ np.linalg.solve(triangle.T, np.eye(design.shape[1])[:, column])
    correlation = _autocorrelation(residuals, basis)
    lags = _lags(days)
    working = toeplitz(correlation ** np.arange(days))
    kernel = toeplitz(np.clip(1 - np.arange(days) / (lags + 1), 0, None))
    bread = influence[:, None] * kernel * influence
    product = bread @ _of_residuals(working, basis)
    expected = float(np.trace(product))
    found = float(residuals @ bread @ residuals)
    true = float(influence @ working @ influence)
    return Variance(
        standard_error=float(np.sqrt(max(found, 0.0) * true / expected)),
        freedom=expected**2 / float(np.sum(product * product.T)),
        lags=lags,
        autocorrelation=correlation,
    )


def _lags(days: int) -> int:
    """The rule of Lazarus, Lewis, Stock and Watson (2018): more than the classical ones.

    They found that few lags make intervals too short when errors persist, and that the many lags
    cost little when the reference distribution knows of them.
    """
    return min(math.ceil(1.3 * math.sqrt(days)), days // 3)


def _of_residuals(working: Numbers, basis: Numbers) -> Numbers:
    """The covariance of residuals when that of errors is `working`: each is projected."""
    left = basis @ (basis.T @ working)
    projected: Numbers = working - left - left.T + (left @ basis) @ basis.T
    return projected


def _autocorrelation(residuals: Numbers, basis: Numbers) -> float:
    """That of the errors, at which residuals would have on average the one that they have."""
    seen = float(residuals[1:] @ residuals[:-1] / (residuals @ residuals))
    expected = [_expected(one, basis) for one in _GRID]
    return float(np.clip(np.interp(seen, expected, _GRID), 0.0, _LARGEST))


def _expected(correlation: float, basis: Numbers) -> float:
    """Of residuals, when errors have `correlation`."""
    days = len(basis)
    moved = toeplitz(correlation ** np.arange(days)) @ basis
    twice = basis @ (basis.T @ moved)
    spread = days - 2 * np.sum(basis * moved) + np.sum(twice * basis)
    crossed = (
        (days - 1) * correlation
        - np.sum(basis[:-1] * moved[1:])
        - np.sum(moved[:-1] * basis[1:])
        + np.sum(twice[:-1] * basis[1:])
    )
    return float(crossed / spread)

"""Partial pooling: tiers of one organisation are alike, and how alike they are is estimated too.

The hierarchical normal model: each tier's estimate is its elasticity with an error of known size,
elasticities are normal about a common mean, and mean and spread have weak priors. It is integrated
over a grid of the spread, exactly in all else (Gelman et al., Bayesian Data Analysis, 5.4). The
classical ways (DerSimonian and Laird, Paule and Mandel) put the spread at one value, with few tiers
most often at zero, and so take tiers for equal that are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from services.pricing.evidence.rules.fitted import Own
from services.pricing.evidence.rules.sandwich import Numbers

_SPREADS = 200


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of elasticities before any data.

    A meta-analysis of consumer goods found a mean of -2.62 (Bijmolt, van Heerde and Pieters 2005);
    that subscriptions are less elastic is a judgement. The width takes in all of it, and the wrong
    sign too: an estimate with a standard error of 0.3 moves by two hundredths of its distance from
    the centre.
    """

    centre: float = -1.5
    width: float = 2.0
    spread: float = 0.5
    """Of the half-normal distribution of how far tiers of one organisation lie apart."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A tier's elasticity after pooling: a mixture of normals, one for each spread."""

    weights: Numbers
    means: Numbers
    deviations: Numbers
    own_weight: float

    @property
    def mean(self) -> float:
        return float(self.weights @ self.means)

    @property
    def deviation(self) -> float:
        around = self.deviations**2 + (self.means - self.mean) ** 2
        return float(np.sqrt(self.weights @ around))

    def quantile(self, share: float) -> float:
        """So much of the belief is below it."""
        low, high = self.mean - 12 * self.deviation, self.mean + 12 * self.deviation
        return float(brentq(lambda at: self._below(at) - share, low, high, xtol=1e-9))

    def _below(self, at: float) -> float:
        return float(self.weights @ ndtr((at - self.means) / self.deviations))

    def draw(self, generator: np.random.Generator, size: int) -> Numbers:
        """Elasticities, one for each world."""
        chosen = generator.choice(len(self.weights), size=size, p=self.weights)
        noise = generator.standard_normal(size)
        drawn: Numbers = self.means[chosen] + self.deviations[chosen] * noise
        return drawn


@dataclass(frozen=True, slots=True)
class Common:
    """What all tiers say of the mean and of the spread, spread by spread."""

    spreads: Numbers
    centre: Numbers
    uncertainty: Numbers
    weights: Numbers


def common(own: Iterable[Own | None], prior: Prior | None = None) -> Common:
    """Of all tiers together; None is one that has no estimate of its own."""
    prior = prior or Prior()
    spreads = (np.arange(_SPREADS) + 0.5) / _SPREADS * 4 * prior.spread
    known = [one for one in own if one is not None]
    values = np.array([one.elasticity for one in known])
    variances = np.array([one.variance for one in known])
    total = variances[None, :] + spreads[:, None] ** 2
    precision = 1 / prior.width**2 + np.sum(1 / total, axis=1)
    centre = (prior.centre / prior.width**2 + np.sum(values / total, axis=1)) / precision
    log_weight = -0.5 * (
        (spreads / prior.spread) ** 2
        + np.sum(np.log(total) + (values - centre[:, None]) ** 2 / total, axis=1)
        + ((centre - prior.centre) / prior.width) ** 2
        + np.log(precision)
    )
    weights = np.exp(log_weight - log_weight.max())
    return Common(spreads, centre, 1 / precision, weights / weights.sum())


def pooled(own: Own | None, among: Common) -> Pooled:
    """One tier's elasticity, given all of them, itself among them."""
    spreads, centre, uncertainty = among.spreads, among.centre, among.uncertainty
    if own is None:
        return Pooled(among.weights, centre, np.sqrt(spreads**2 + uncertainty), 0.0)
    total = own.variance + spreads**2
    kept = spreads**2 / total  # of the estimate itself, the rest being of the common mean
    means = kept * own.elasticity + (1 - kept) * centre
    deviations = np.sqrt(kept * own.variance + (1 - kept) ** 2 * uncertainty)
    share = kept + (1 - kept) * uncertainty / total
    return Pooled(among.weights, means, deviations, float(among.weights @ share))

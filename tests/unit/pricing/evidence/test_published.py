"""Data that others published, and the same numbers by another way than ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.stats import multivariate_normal
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.meta_analysis import combine_effects

from services.pricing.evidence.rules.fitted import Own
from services.pricing.evidence.rules.pooling import Pooled, Prior, common, pooled
from services.pricing.evidence.rules.regression import PRICE, design, fit
from services.pricing.evidence.rules.sandwich import variance
from services.pricing.evidence.rules.series import series
from tests.simulating import World, demand, observed, sales, weekly_prices

# Rubin (1981): what eight schools gained by coaching, and the standard errors of that.
EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
FLAT = Prior(centre=0.0, width=1e4, spread=25.0)


def together(own: Sequence[Own | None], prior: Prior | None = None) -> list[Pooled]:
    among = common(own, prior)
    return [pooled(one, among) for one in own]


def schools(prior: Prior) -> list[Pooled]:
    return together([Own(*one, 1e9) for one in zip(EFFECTS, ERRORS, strict=True)], prior)


def test_eight_schools_are_those_of_conditioning_a_joint_normal() -> None:
    """The same model without its structure: given the spread, effects and data are one normal."""
    spreads, errors = (np.arange(2_000) + 0.5) / 20, np.diag(ERRORS**2)
    weights, means, variances = [], [], []
    for spread in spreads:
        effects = spread**2 * np.eye(8) + FLAT.width**2 * np.ones((8, 8))
        gain = effects @ np.linalg.inv(effects + errors)
        likelihood = multivariate_normal(np.zeros(8), effects + errors).logpdf(EFFECTS)
        weights.append(likelihood - 0.5 * (spread / FLAT.spread) ** 2)
        means.append(gain @ EFFECTS)
        variances.append(np.diag(effects - gain @ effects))
    share = np.exp(np.array(weights) - max(weights))
    share /= share.sum()
    mean = share @ np.array(means)
    deviation = np.sqrt(share @ (np.array(variances) + (np.array(means) - mean) ** 2))
    ours = schools(FLAT)
    assert [one.mean for one in ours] == pytest.approx(mean.tolist(), abs=0.02)
    assert [one.deviation for one in ours] == pytest.approx(deviation.tolist(), abs=0.02)


def test_eight_schools_that_are_taken_for_one() -> None:
    """Without spread all have the mean that is weighted by the inverse variances."""
    precision = ERRORS**-2
    for one in schools(replace(FLAT, spread=1e-6)):
        assert one.mean == pytest.approx(precision @ EFFECTS / precision.sum(), abs=1e-4)
        assert one.deviation == pytest.approx(precision.sum() ** -0.5, abs=1e-4)


def test_quantiles_are_those_of_what_is_drawn() -> None:
    for one in schools(FLAT):
        drawn = one.draw(np.random.default_rng(4), 200_000)
        for share in (0.025, 0.5, 0.975):
            assert np.mean(drawn < one.quantile(share)) == pytest.approx(share, abs=0.004)


def test_many_alike_are_pooled_to_the_mean_of_the_classical_way() -> None:
    generator = np.random.default_rng(1)
    errors = generator.uniform(0.1, 0.3, size=60)
    values = -1.2 + 0.4 * generator.standard_normal(60) + errors * generator.standard_normal(60)
    classical = combine_effects(values, errors**2, method_re="iterated")
    own = [Own(float(a), float(b), 1e9) for a, b in zip(values, errors, strict=True)]
    new = together([*own, None])[-1]
    assert new.mean == pytest.approx(classical.mean_effect_re, abs=0.01)
    assert new.deviation == pytest.approx(classical.tau2**0.5, rel=0.15)
    assert new.own_weight == 0


def test_one_tier_alone_is_hardly_moved_by_the_prior() -> None:
    [one] = together([Own(-0.6, 0.2, 1e9)])
    assert one.mean == pytest.approx(-0.6, abs=0.01)
    assert one.deviation == pytest.approx(0.2, rel=0.02)
    assert one.own_weight > 0.98


def test_the_variance_is_newey_and_wests_but_for_its_corrections() -> None:
    """The corrections are worked out again by whole matrices, and taken away."""
    generator = np.random.default_rng(2)
    days = 90
    columns = np.column_stack(
        [np.ones(days), np.repeat(generator.normal(size=9), 10), np.linspace(-1, 1, days)]
    )
    errors = generator.normal(size=days)
    for day in range(1, days):
        errors[day] += 0.5 * errors[day - 1]
    outcome = columns @ [1.0, -1.5, 0.3] + errors
    library = OLS(outcome, columns).fit()
    found = variance(columns, np.asarray(library.resid), 1)
    robust = library.get_robustcov_results("HAC", maxlags=found.lags, use_correction=False)

    maker = np.eye(days) - columns @ np.linalg.inv(columns.T @ columns) @ columns.T
    weights = (columns @ np.linalg.inv(columns.T @ columns))[:, 1]
    working = toeplitz(found.autocorrelation ** np.arange(days))
    kernel = toeplitz(np.clip(1 - np.arange(days) / (found.lags + 1), 0, None))
    product = maker @ np.diag(weights) @ kernel @ np.diag(weights) @ maker @ working
    factor = (weights @ working @ weights) / np.trace(product)
    assert found.standard_error == pytest.approx(robust.bse[1] * factor**0.5)
    assert found.freedom == pytest.approx(np.trace(product) ** 2 / np.trace(product @ product))
    assert 0.2 < found.autocorrelation < 0.8
    assert 3 < found.freedom < days


def test_the_regression_is_that_of_the_library() -> None:
    generator = np.random.default_rng(3)
    prices = weekly_prices(generator, 120)
    own = series(observed(120, sales(prices, demand(generator, World(), prices))))["pro"]
    made = design(own)
    found = fit(np.asarray(own.units), made)
    again = GLM(np.asarray(own.units), made.columns, family=Poisson()).fit()
    assert found is not None
    assert found.elasticity == pytest.approx(again.params[PRICE], abs=1e-6)
    assert found.elasticity == pytest.approx(-1.3, abs=0.3)

"""Numbers that others published, and what the library gives by its own way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import toeplitz
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.meta_analysis import combine_effects

from services.pricing.evidence.rules.pooling import Own, Pooled, Prior, pool
from services.pricing.evidence.rules.regression import PRICE, design, fit
from services.pricing.evidence.rules.sandwich import variance
from services.pricing.evidence.rules.series import series
from tests.simulating import World, demand, observed, sales, weekly_prices

EFFECTS = (28, 8, -3, 7, -1, 1, 18, 12)
ERRORS = (15, 10, 16, 11, 9, 11, 10, 18)
# Gelman et al., Bayesian Data Analysis, third edition, table 5.3: 2.5 % and median of each.
SCHOOLS = ((-2, 10), (-5, 8), (-11, 7), (-7, 8), (-9, 5), (-7, 6), (-1, 10), (-6, 8))
FLAT = Prior(centre=0.0, width=1e4, spread=25.0)


def schools(prior: Prior) -> list[Pooled]:
    return pool([Own(*one, 1e9) for one in zip(EFFECTS, ERRORS, strict=True)], prior)


def test_eight_schools_come_out_as_published() -> None:
    """The published numbers are of 200 simulations, under a flat prior of the spread."""
    for one, (low, middle) in zip(schools(FLAT), SCHOOLS, strict=True):
        assert one.quantile(0.5) == pytest.approx(middle, abs=2)
        assert one.quantile(0.025) == pytest.approx(low, abs=5)


def test_eight_schools_that_are_taken_for_one() -> None:
    """Section 5.5: complete pooling gives 7.7 with a standard error of 4.1."""
    for one in schools(replace(FLAT, spread=1e-6)):
        assert one.mean == pytest.approx(7.7, abs=0.05)
        assert one.deviation == pytest.approx(4.1, abs=0.05)


def test_many_alike_are_pooled_to_the_mean_of_the_classical_way() -> None:
    generator = np.random.default_rng(1)
    errors = generator.uniform(0.1, 0.3, size=60)
    values = -1.2 + 0.4 * generator.standard_normal(60) + errors * generator.standard_normal(60)
    classical = combine_effects(values, errors**2, method_re="iterated")
    own = [Own(float(a), float(b), 1e9) for a, b in zip(values, errors, strict=True)]
    new = pool([*own, None])[-1]
    assert new.mean == pytest.approx(classical.mean_effect_re, abs=0.01)
    assert new.deviation == pytest.approx(classical.tau2**0.5, rel=0.15)
    assert new.own_weight == 0


def test_one_tier_alone_is_hardly_moved_by_the_prior() -> None:
    [one] = pool([Own(-0.6, 0.2, 1e9)])
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

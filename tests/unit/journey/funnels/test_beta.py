"""Quantiles of the beta distribution against exact values and their inverse."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.funnels.rules.beta import credible_interval, cumulative, quantile
from tests.judging import LAW

CASES = st.floats(0.05, 30_000)
SHARES = st.floats(0.001, 0.999)


@LAW
@given(st.integers(1, 40), st.integers(1, 40), SHARES)
def test_of_whole_numbers_it_is_a_binomial_tail(a: int, b: int, x: float) -> None:
    trials = a + b - 1
    expected = sum(math.comb(trials, k) * x**k * (1 - x) ** (trials - k) for k in range(a, a + b))
    assert cumulative(x, a, b) == pytest.approx(expected, abs=1e-12)


def test_of_halves_it_is_an_arcsine() -> None:
    assert quantile(0.2, 0.5, 0.5) == pytest.approx(math.sin(math.pi * 0.2 / 2) ** 2)


def test_of_one_side_alone_it_is_a_power() -> None:
    assert quantile(0.05, 3, 1) == pytest.approx(0.05 ** (1 / 3))
    assert quantile(0.95, 1, 9) == pytest.approx(1 - 0.05 ** (1 / 9))


@LAW
@given(CASES, CASES, SHARES)
def test_quantiles_invert_the_distribution(a: float, b: float, share: float) -> None:
    found = quantile(share, a, b)
    if 1e-15 < found < 1 - 1e-9:
        assert cumulative(found, a, b) == pytest.approx(share, abs=1e-7)


@LAW
@given(st.floats(0, 1), st.floats(1, 50_000))
def test_an_interval_holds_its_mean(share: float, cases: float) -> None:
    low, high = credible_interval(share, cases, 0.9)
    assert 0 <= low <= share <= high <= 1

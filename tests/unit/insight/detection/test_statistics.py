"""The exact tests against exact arithmetic, published examples and their own laws."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules.statistics import (
    binomial_at_least,
    binomial_at_most,
    fall,
    fisher_at_least,
    rise,
    wilson,
)
from tests.judging import LAW

SHARES = st.sampled_from([0.5, 0.3, 0.1, 0.9, 6 / 13, 0.001])
LARGE = 10**9


def exact_tail(successes: int, trials: int, share: float) -> float:
    p, everything = Fraction(share), range(max(0, successes), trials + 1)
    return float(sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in everything))


def exact_fisher(marked: int, drawn: int, all_marked: int, everything: int) -> float:
    high = min(drawn, all_marked)
    ways = sum(
        math.comb(all_marked, k) * math.comb(everything - all_marked, drawn - k)
        for k in range(max(0, marked), high + 1)
    )
    return float(Fraction(ways, math.comb(everything, drawn)))


@LAW
@given(st.integers(0, 120), st.integers(0, 121), SHARES)
def test_binomial_tails_are_exact(trials: int, successes: int, share: float) -> None:
    successes = min(successes, trials + 1)
    expected = exact_tail(successes, trials, share)
    assert binomial_at_least(successes, trials, share) == pytest.approx(
        expected, rel=1e-10, abs=1e-13
    )


@LAW
@given(st.data())
def test_hypergeometric_tails_are_exact(data: st.DataObject) -> None:
    everything = data.draw(st.integers(0, 80))
    drawn, all_marked = (data.draw(st.integers(0, everything)) for _ in range(2))
    marked = data.draw(st.integers(0, everything + 1))
    expected = exact_fisher(marked, drawn, all_marked, everything)
    found = fisher_at_least(marked, drawn, all_marked, everything)
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-13)


def test_the_lady_tasting_tea() -> None:
    """Fisher, The Design of Experiments (1935): all four of eight cups 1 in 70, three 17."""
    assert fisher_at_least(4, 4, 4, 8) == pytest.approx(1 / 70)
    assert fisher_at_least(3, 4, 4, 8) == pytest.approx(17 / 70)


def test_fishers_twins() -> None:
    """Fisher (1935), convicted twins of criminals: 10 of 13 against 2 of 17, p = 0.000465."""
    assert fisher_at_least(10, 13, 12, 30) == pytest.approx(619 / 1_330_665)


def test_two_poisson_rates_are_compared_by_the_time_watched() -> None:
    """Boice and Monson (1977): 41 cancers in 28,010 person-years, 15 in 19,017."""
    share = 28_010 / (28_010 + 19_017)
    assert rise(41, 15, 28_010, 19_017) == pytest.approx(exact_tail(41, 56, share))
    assert fall(15, 41, 19_017, 28_010) == pytest.approx(exact_tail(41, 56, share))


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_newcombes_table(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe, Two-sided confidence intervals for the single proportion (1998), table I."""
    assert wilson(successes, trials, 1.959964) == pytest.approx((low, high), abs=5e-5)


@LAW
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_an_interval_holds_its_share(successes: int, others: int) -> None:
    trials = successes + others
    low, high = wilson(successes, trials)
    assert 0 <= low <= high <= 1
    assert low <= (successes / trials if trials else low) <= high


@LAW
@given(st.integers(0, 10**9), st.integers(0, 10**9), SHARES)
def test_a_tail_and_what_is_left_make_one(successes: int, others: int, share: float) -> None:
    trials = successes + others
    above = binomial_at_least(successes, trials, share)
    below = binomial_at_most(successes - 1, trials, share)
    assert 0 <= above <= 1
    assert above + below == pytest.approx(1, abs=1e-9)


@LAW
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**6))
def test_further_out_is_never_more_likely(successes: int, trials: int, more: int) -> None:
    near = binomial_at_least(successes, trials, 0.5)
    assert binomial_at_least(successes + more, trials, 0.5) <= near + 1e-12


@LAW
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_falls_and_rises_mirror_each_other(recent: int, previous: int) -> None:
    assert fall(recent, previous, 7, 7) == pytest.approx(rise(previous, recent, 7, 7), abs=1e-9)


def test_a_billion_keeps_its_digits() -> None:
    """Half of an even number: one half and half the middle term, by Stirling's series."""
    middle = 1 / math.sqrt(math.pi * LARGE / 2) * (1 - 1 / (4 * LARGE))
    found = binomial_at_least(LARGE // 2, LARGE, 0.5)
    assert found == pytest.approx(0.5 + middle / 2, rel=1e-10)
    assert binomial_at_least(LARGE, 2 * LARGE, 0.3) == 0
    assert fall(0, LARGE, 168, 168) == 0
    assert rise(LARGE, 0, 168, 168) == 0
    assert fisher_at_least(LARGE // 2, LARGE, LARGE, 2 * LARGE) == pytest.approx(0.5, abs=1e-4)


def test_three_standard_deviations_of_a_billion() -> None:
    """By the normal distribution, whose error is far below at such numbers."""
    away = 3 * math.sqrt(LARGE) / 2
    normal = math.erfc((away - 0.5) / math.sqrt(LARGE / 2)) / 2
    found = binomial_at_least(LARGE // 2 + math.ceil(away), LARGE, 0.5)
    assert found == pytest.approx(normal, rel=1e-3)

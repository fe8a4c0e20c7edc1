from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.journey.learning.rules.beta import Beta, draw, largest, quantiles

SHAPES = st.floats(0.05, 5000)
BELIEFS = st.builds(Beta, SHAPES, SHAPES)


def closed_form(one: Beta, other: Beta) -> float:
    """P(one > other) for whole parameters of `one`.

    Miller, "Formulas for Bayesian A/B Testing", 2015, equation 6.
    """
    return sum(
        math.exp(
            log_beta(other.a + i, one.b + other.b)
            - math.log(one.b + i)
            - log_beta(1 + i, one.b)
            - log_beta(other.a, other.b)
        )
        for i in range(int(one.a))
    )


def log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


@pytest.mark.parametrize(
    ("taken", "n", "lower", "upper"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (1, 29, 0.0009, 0.1776)],
)
def test_quantiles_are_those_that_were_published(
    taken: int, n: int, lower: float, upper: float
) -> None:
    """The exact intervals of Newcombe, Statistics in Medicine 17 (1998), 857-872, table I."""
    (low,) = quantiles(Beta(taken, n - taken + 1), (0.025,))
    (high,) = quantiles(Beta(taken + 1, n - taken), (0.975,))
    assert (low, high) == pytest.approx((lower, upper), abs=6e-5)


@given(share=st.floats(0.001, 0.999), shape=st.floats(0.1, 200))
def test_quantiles_where_there_is_a_formula(share: float, shape: float) -> None:
    """Beta(a, 1) has the distribution function x^a."""
    (found,) = quantiles(Beta(shape, 1), (share,))
    assert found**shape == pytest.approx(share, abs=5e-5)


@given(BELIEFS)
def test_quantiles_hold_the_middle(belief: Beta) -> None:
    low, middle, high = quantiles(belief, (0.05, 0.5, 0.95))
    assert 0 <= low < middle < high <= 1


@pytest.mark.parametrize(
    "arms",
    [
        (Beta(5, 5), Beta(4, 6)),
        (Beta(1, 1), Beta(1, 1)),
        (Beta(300, 700), Beta(350, 650)),
        (Beta(2, 50), Beta(0.3, 4)),
        (Beta(20_000, 30_000), Beta(20_100, 30_000)),
    ],
)
def test_the_larger_of_two_is_as_the_formula_says(arms: tuple[Beta, Beta]) -> None:
    assert largest(arms)[0] == pytest.approx(closed_form(*arms), abs=1e-5)


@settings(max_examples=40)
@given(st.lists(BELIEFS, min_size=1, max_size=6))
def test_chances_to_be_the_largest_sum_to_one(arms: list[Beta]) -> None:
    chances = largest(arms)
    assert sum(chances) == pytest.approx(1)
    assert all(-1e-9 <= chance <= 1 for chance in chances)


@settings(max_examples=20)
@given(st.lists(BELIEFS, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_chances_do_not_hang_on_the_order(arms: list[Beta], rng: random.Random) -> None:
    order = rng.sample(range(len(arms)), len(arms))
    chances, shuffled = largest(arms), largest([arms[at] for at in order])
    assert [chances[at] for at in order] == pytest.approx(shuffled, abs=1e-4)


@pytest.mark.parametrize(
    "arms",
    [
        (Beta(5, 5), Beta(4, 6), Beta(3.2, 6.8)),
        (Beta(0.14, 0.86), Beta(2, 8), Beta(30, 30), Beta(0.5, 0.5)),
        (Beta(900, 2100), Beta(5, 5), Beta(300, 650)),
    ],
)
def test_chances_are_how_often_a_draw_is_the_largest(arms: tuple[Beta, ...]) -> None:
    rng, n = random.Random(20261121), 20_000
    wins = [0] * len(arms)
    for _ in range(n):
        draws = [draw(arm, rng.random) for arm in arms]
        wins[draws.index(max(draws))] += 1
    for won, chance in zip(wins, largest(arms), strict=True):
        assert abs(won / n - chance) < 4 * math.sqrt(chance * (1 - chance) / n)


@pytest.mark.parametrize("belief", [Beta(0.2, 0.8), Beta(1, 1), Beta(3, 40), Beta(500, 200)])
def test_draws_are_spread_as_they_should_be(belief: Beta) -> None:
    """Between any two deciles lies a tenth of them."""
    rng, n = random.Random(7), 20_000
    draws = sorted(draw(belief, rng.random) for _ in range(n))
    deciles = [0.0, *quantiles(belief, [tenth / 10 for tenth in range(1, 10)]), 1.0]
    for low, high in pairwise(deciles):
        found = sum(low < one <= high for one in draws) / n
        assert found == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / n))


def test_a_seed_draws_the_same_for_ever() -> None:
    """These numbers stand in logs: a Python that made others could not replay a decision."""
    rng = random.Random(42)
    drawn = [round(draw(Beta(2, 3), rng.random), 9) for _ in range(3)]
    assert drawn == [0.622221891, 0.656456813, 0.365303066]
    drawn = [round(draw(Beta(0.3, 40), rng.random), 9) for _ in range(2)]
    assert drawn == [0.001751308, 0.000084981]

from __future__ import annotations

import math
import random

import pytest

from services.journey.learning.rules import estimates
from services.journey.learning.rules.estimates import Weighed, difference, share, wilson

RULES, OTHERWISE = 0.3, 0.6


def log(rng: random.Random, decisions: int) -> Weighed:
    """Decisions by propensities that differ, with outcomes whose chances are known."""
    weighed = Weighed(0, 0, 0.0, 0.0, 0.0)
    for _ in range(decisions):
        propensity = rng.choice((0.2, 0.5, 0.8, 0.95))  # of what the rules choose
        as_rules = rng.random() < propensity
        taken = rng.random() < (RULES if as_rules else OTHERWISE)
        weight = 1 / propensity if as_rules else 0.0
        weighed = Weighed(
            weighed.decisions + 1,
            weighed.taken + taken,
            weighed.weight + weight,
            weighed.squares + weight * weight,
            weighed.weight_taken + weight * taken,
        )
    return weighed


@pytest.mark.parametrize(
    ("taken", "n", "lower", "upper"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_numbers_that_were_published(
    taken: int, n: int, lower: float, upper: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3."""
    assert wilson(taken, n) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "lower", "upper"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombe_gives_the_numbers_that_were_published(
    one: tuple[int, int], other: tuple[int, int], lower: float, upper: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10."""
    found = difference(share(*one), share(*other))
    assert found.value == pytest.approx(one[0] / one[1] - other[0] / other[1])
    assert found.lower == pytest.approx(lower, abs=5e-5)
    assert found.upper == pytest.approx(upper, abs=5e-5)


def test_a_share_of_nothing_may_be_anything() -> None:
    assert share(0, 0) == (0.0, 0.0, 1.0, 0)


def test_off_policy_finds_what_the_rules_would_have_reached() -> None:
    """On average the truth, though the log has another share; its interval holds it as promised."""
    rng, runs = random.Random(1), 400
    logs = [log(rng, 300) for _ in range(runs)]
    found = [one for one in map(estimates.off_policy, logs) if one is not None]
    assert len(found) == runs
    deviation = 0.04 / math.sqrt(runs)  # one estimate has that of 0.04
    assert sum(one.value for one in found) / runs == pytest.approx(RULES, abs=4 * deviation)
    held = sum(one.lower <= RULES <= one.upper for one in found)
    assert held / runs > 0.92
    logged = sum(one.taken for one in logs) / sum(one.decisions for one in logs)
    assert logged > RULES + 0.08


def test_equal_weights_are_so_many_decisions() -> None:
    even = Weighed(100, 40, 200.0, 400.0, 80.0)
    assert estimates.effective_n(even) == pytest.approx(100)
    assert estimates.off_policy(even) == pytest.approx((0.4, *wilson(40, 100), 100))


def test_one_heavy_decision_tells_little() -> None:
    """Nine of weight 1 and one of 91, which was taken up: as good as a single one."""
    heavy = Weighed(10, 1, 100.0, 9 + 91**2, 91.0)
    assert estimates.effective_n(heavy) == pytest.approx(1.2, abs=0.01)
    found = estimates.off_policy(heavy)
    assert found is not None
    assert found.upper - found.lower > 0.7


def test_nothing_tells_of_rules_that_were_never_followed() -> None:
    assert estimates.off_policy(Weighed(50, 20, 0.0, 0.0, 0.0)) is None

"""What the learner does in worlds whose truth is known, each run from a seed."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate

import pytest

from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from tests.unit.journey.learning.learner import ACTIONS, World

LASTING = Learning(half_life_days=3650)
RUNS = 4
RULES, SECOND, THIRD, LAST = ACTIONS


def runs(world: World, days: int) -> list[World]:
    return [replace(world, seed=seed, regret=[], chosen=[]).run(days) for seed in range(RUNS)]


@pytest.mark.parametrize(
    ("chances", "best"),
    [
        ((0.3, 0.5, 0.3), SECOND),
        ((0.05, 0.05, 0.15), THIRD),
        ((0.6, 0.4, 0.5, 0.3), RULES),
        ((0.5, 0.5, 0.5, 0.7), LAST),
    ],
)
def test_the_best_action_is_found(chances: tuple[float, ...], best: Action) -> None:
    """Wherever the rules place it."""
    for world in runs(World(lambda _: chances, LASTING, 0), 80):
        assert world.share(best, since=0.75) > 0.8


def test_regret_grows_ever_slower() -> None:
    """Like the logarithm of the decisions; by the rules alone it grows as they do."""
    worlds = runs(World(lambda _: (0.3, 0.5, 0.4), LASTING, 0), 80)
    regret = [math.fsum(each) / RUNS for each in zip(*(w.regret for w in worlds), strict=True)]
    total = list(accumulate(regret))
    quarter, half, end = (total[len(total) * part // 4 - 1] for part in (1, 2, 4))
    assert end - half < 0.5 * half
    growth = math.log(end / quarter) / math.log(4)
    assert growth < 0.6
    by_rules = 0.2 * len(total)
    assert end < 0.15 * by_rules


def test_a_best_action_that_drifts_is_followed() -> None:
    """It changes on day 60; what was learnt before fades."""

    def chances(day: int) -> tuple[float, float]:
        return (0.6, 0.3) if day < 60 else (0.2, 0.5)

    fading = runs(World(chances, Learning(half_life_days=8), 0), 100)
    lasting = runs(World(chances, LASTING, 0), 100)
    before = [world.chosen[2000:3000].count(RULES) / 1000 for world in fading]
    after = [world.share(SECOND, since=0.8) for world in fading]
    stuck = [world.share(SECOND, since=0.8) for world in lasting]
    assert min(before) > 0.8
    assert min(after) > 0.8
    assert sum(after) / RUNS > sum(stuck) / RUNS + 0.2


def test_nothing_is_tried_before_there_are_outcomes_enough() -> None:
    world = World(lambda _: (0.1, 0.9), Learning(min_outcomes=100), 0).run(20)
    assert set(world.chosen[:100]) == {RULES}
    assert SECOND in world.chosen[100:200]


def test_nothing_is_learnt_where_learning_is_off() -> None:
    world = World(lambda _: (0.1, 0.9), Learning(enabled=False), 0).run(20)
    assert set(world.chosen) == {RULES}

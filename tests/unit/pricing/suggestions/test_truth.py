"""Suggestions on simulated histories, judged by the truth that made them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta

from services.pricing.evidence.rules.posterior import Belief
from services.pricing.evidence.rules.series import Observed, Sales, Tier
from services.pricing.guard_rails.rules.ground import Ground
from services.pricing.guard_rails.rules.settings import PricingSettings
from services.pricing.suggestions.rules.choosing import (
    Choice,
    Goal,
    Objective,
    allowed_prices,
    choose,
)
from tests.simulating import learnt

HISTORIES = 40
TODAY = 1_000
PRICES = (850, 925, 1_000, 1_075, 1_150)
END = date(2026, 11, 21)


@dataclass(frozen=True)
class Truth:
    """What nobody is told."""

    elasticity: float
    cost: int
    units: float

    def gain(self, price: int) -> float:
        """Of a day's margin, over today's."""
        sold = self.units * math.pow(price / TODAY, self.elasticity)
        return sold * (price - self.cost) - self.units * (TODAY - self.cost)


def history(truth: Truth, chance: random.Random) -> Observed:
    """Two hundred days at prices that change by chance every week or so."""
    sales, price = [], TODAY
    for ago in range(200, 0, -1):
        if chance.random() < 1 / 6:
            price = chance.choice(PRICES)
        mean = truth.units * (price / TODAY) ** truth.elasticity
        units = max(0, round(chance.gauss(mean, mean**0.5)))
        sold = Sales("pro", END - timedelta(days=ago), units, float(units * price), 0, 0)
        sales.append(sold)
    tier = Tier("pro", "EUR", TODAY, truth.cost)
    return Observed(END - timedelta(days=365), END, (tier,), tuple(sales), (), (), ())


def suggested(truth: Truth, chance: random.Random, seed: int) -> Choice | None:
    """What is suggested with the default guard-rails."""
    believed = learnt(history(truth, chance), seed)["pro"].believed
    if not isinstance(believed, Belief):
        return None
    settings = PricingSettings()
    ground = Ground(TODAY, "EUR", cost_to_serve_minor=truth.cost)
    goal = Goal(Objective.MARGIN, truth.cost, 90, settings.min_confidence)
    found = choose(believed, allowed_prices(settings, ground, believed), goal)
    return found if isinstance(found, Choice) else None


def test_suggestions_beat_todays_price_as_often_as_they_say() -> None:
    """Truths from inelastic to very elastic; few sales, so that much stays uncertain."""
    chance = random.Random(20261121)
    made: list[tuple[float, bool]] = []
    for seed in range(HISTORIES):
        truth = Truth(chance.uniform(-3.5, -0.3), chance.randrange(100, 700), 12)
        if (found := suggested(truth, chance, seed)) is not None:
            made.append((found.confidence, truth.gain(found.price_minor) > 0))
    share = sum(won for _, won in made) / len(made)
    said = sum(confidence for confidence, _ in made) / len(made)
    assert len(made) > HISTORIES / 3
    assert said > 0.8
    assert share > said - 3 * (said * (1 - said) / len(made)) ** 0.5

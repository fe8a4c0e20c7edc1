"""What is counted differs from what is expected: the revenue of one month against that of another.

A belief about the change of the *expected* revenue is narrower than what two months show that are
counted, for the days of both have chances of their own. Plain arithmetic, as in `posterior`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from services.pricing.evidence.rules.posterior import Belief, demand_ratios, revenue_changes

_GOLDEN = (math.sqrt(5) - 1) / 2


def revenue_differences(belief: Belief, price_minor: int, days: int) -> list[float]:
    """Revenue of so many days at that price, less that of as many others at today's price.

    World by world, in minor units. In each the sums of both are about their expectation, apart from
    each other, with the belief's dispersion: the variance of a sum of units is so many times it.
    """
    today = belief.price_minor
    scale = days * belief.dispersion
    worlds = zip(
        revenue_changes(belief, price_minor, days),
        belief.draws_units,
        demand_ratios(belief, price_minor),
        _chances(len(belief.draws_units)),
        strict=True,
    )
    return [
        change + chance * math.sqrt(scale * units * (price_minor**2 * ratio + today**2))
        for change, units, ratio, chance in worlds
    ]


@lru_cache(maxsize=4)
def _chances(count: int) -> tuple[float, ...]:
    """Standard normal, spread evenly: worlds come in no order, so each may have any of them."""
    normal = NormalDist()
    return tuple(normal.inv_cdf((number * _GOLDEN) % 1) for number in range(1, count + 1))

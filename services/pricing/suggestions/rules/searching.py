"""Expected gains over a belief, many prices at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.pricing.evidence.rules.posterior import Belief
from services.pricing.guard_rails.rules.rails import Bounds

_SPANS = 32
"""Into so many parts is a range of prices divided, again and again around the best of them."""


class Worlds:
    """The worlds of a belief, and what one unit costs in them."""

    def __init__(self, belief: Belief, cost_minor: int) -> None:
        self._elasticity = np.frombuffer(belief.draws_elasticity)
        self._units = np.frombuffer(belief.draws_units)
        self._today, self._cost = belief.price_minor, cost_minor

    def gain(self, price: int) -> float:
        """Expected gain per day over today's price."""
        return float(self._gains(np.array([price]))[0])

    def best(self, allowed: Bounds) -> int:
        """The allowed price with the largest gain: exact when gains rise and then fall.

        Where a belief has several peaks between two prices of the first pass, one of them is found.
        """
        unit = allowed.unit
        low, high = allowed.low // unit, allowed.high // unit
        while True:
            span = max(1, -(-(high - low) // _SPANS))
            multiples = np.unique(np.append(np.arange(low, high, span), high))
            best = int(np.argmax(self._gains(multiples * unit)))
            if span == 1:
                return int(multiples[best]) * unit
            low = int(multiples[max(best - 1, 0)])
            high = int(multiples[min(best + 1, len(multiples) - 1)])

    def held_by(self, allowed: Bounds, price: int) -> tuple[str, ...]:
        """The rails at whose end the price is, if it would be better beyond."""
        here, unit = self.gain(price), allowed.unit
        if price == allowed.high and self.gain(price + unit) > here:
            return allowed.high_by
        if price == allowed.low and price > unit and self.gain(price - unit) > here:
            return allowed.low_by
        return ()

    def _gains(self, prices: NDArray[np.int64]) -> NDArray[np.float64]:
        steps = np.log(prices / self._today)
        ratios = np.exp(np.outer(steps, self._elasticity))
        demand: NDArray[np.float64] = ratios @ self._units / len(self._units)
        today = (self._today - self._cost) * self._units.mean()
        gains: NDArray[np.float64] = (prices - self._cost) * demand - today
        return gains

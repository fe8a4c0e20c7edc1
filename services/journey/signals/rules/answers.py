"""Which of insight's answers are believed, what they mean, and for how long they are remembered."""

from __future__ import annotations

import math
from collections import OrderedDict
from uuid import UUID

from services.journey.journeys.rules.vocabulary import Signals

REMEMBERED_SECONDS = 60.0
MAX_REMEMBERED = 10_000
_MOST_LAG_SECONDS = 10 * 366 * 86_400.0

Key = tuple[UUID, str]
"""Organisation and client."""


class Answers:
    """Insight's latest answers, each for a minute; of too many the one unused for longest goes."""

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[Key, tuple[Signals, float]] = OrderedDict()

    def get(self, key: Key, now: float) -> Signals | None:
        """What is remembered and not too old."""
        known = self._known.get(key)
        if known is None:
            return None
        signals, until = known
        if now >= until:
            del self._known[key]
            return None
        self._known.move_to_end(key)
        return signals

    def put(self, key: Key, signals: Signals, now: float) -> None:
        """Remember it."""
        self._known[key] = (signals, now + REMEMBERED_SECONDS)
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def waiting_seconds(budget: float, remaining: float | None) -> float:
    """How long a caller waits for insight: half of what it has left is kept for the answer."""
    return budget if remaining is None else min(budget, remaining / 2)


def can_be(lag_seconds: float, p25: float | None, *counts: int) -> bool:
    """Whether numbers that came from elsewhere mean anything."""
    quartile = p25 is None or (math.isfinite(p25) and p25 >= 0)
    return quartile and 0 <= lag_seconds <= _MOST_LAG_SECONDS and min(counts) >= 0


def is_low(feature_uses: int, p25: float | None) -> bool:
    """Whether a client uses less than the lowest quarter; without a quartile none does."""
    return p25 is not None and feature_uses < p25

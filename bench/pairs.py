"""Two sides measured in turn, A B A B …: a ratio that holds while the machine's speed drifts."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Ratio:
    """Medians of both sides, and of the ratio pair by pair with its spread."""

    ours: float
    baseline: float
    median: float
    least: float
    most: float
    pairs: int

    def times(self, factor: float) -> Ratio:
        """The same with both sides in a smaller or larger unit."""
        return replace(self, ours=self.ours * factor, baseline=self.baseline * factor)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f}, {self.pairs} pairs)"


async def interleaved(
    ours: Callable[[], Awaitable[float]],
    baseline: Callable[[], Awaitable[float]],
    *,
    pairs: int = 5,
    warm_up: int = 1,
) -> Ratio:
    """Run both sides in turn; each returns its figure, ours is divided by the baseline's."""
    found: list[tuple[float, float]] = []
    for turn in range(warm_up + pairs):
        one, other = await ours(), await baseline()
        if turn >= warm_up:
            found.append((one, other))
    return compared(found)


def compared(found: Sequence[tuple[float, float]]) -> Ratio:
    """The ratio of pairs that were measured: ours, baseline."""
    ratios = [one / other for one, other in found]
    return Ratio(
        ours=statistics.median(one for one, _ in found),
        baseline=statistics.median(other for _, other in found),
        median=statistics.median(ratios),
        least=min(ratios),
        most=max(ratios),
        pairs=len(found),
    )

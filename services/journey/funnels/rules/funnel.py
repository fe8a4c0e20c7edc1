"""What a funnel says, from counts of visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.journey.funnels.errors import IntervalEmpty, IntervalTooLong
from services.journey.journeys.rules.vocabulary import DAY, SECOND, Micros, Stage

ORDER = tuple(stage for stage in Stage if stage is not Stage.CHURN_RISK)
"""The usual order: churn_risk is no step of it."""

_USUAL: Micros = 365 * DAY
_LONGEST: Micros = 3653 * DAY
"""Ten years, three of them leap years."""
_BEGINNING: Micros = -62_135_596_800 * SECOND
"""Of the year 1: calendars do not go further back."""


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """Whom to follow; None where nothing is said, an empty segment for all."""

    start: Micros | None
    end: Micros | None
    segment: str
    now: Micros
    past: Micros | None
    """As of when; None: now."""

    @property
    def as_of(self) -> Micros:
        """As of when."""
        return self.now if self.past is None else self.past


@dataclass(frozen=True, slots=True)
class Span:
    """The time in which visits began that are followed, half open."""

    start: Micros
    end: Micros


@dataclass(frozen=True, slots=True)
class Step:
    """The clients that came to a stage, each counted once, from when it first came."""

    stage: Stage
    entered: int = 0
    converted: int = 0
    median_seconds: float | None = None
    """To a later stage, of those that came to one."""
    here_now: int = 0
    lost: int = 0

    @property
    def conversion(self) -> float | None:
        """The share that came to a later stage; None without anyone, or where none is later."""
        if not self.entered or self.stage not in ORDER[:-1]:
            return None
        return self.converted / self.entered


@dataclass(frozen=True, slots=True)
class Ended:
    """Visits to a stage by how they ended; those that have not have no next stage."""

    stage: Stage
    next_stage: Stage | None
    count: int
    median: float
    """Seconds; 0 of those that have not ended."""


@dataclass(frozen=True, slots=True)
class Move:
    """Visits that ended by a move, and their share of all visits to the stage."""

    from_stage: Stage
    to_stage: Stage
    count: int
    share: float
    median_seconds: float


@dataclass(frozen=True, slots=True)
class Funnel:
    """A step for each stage, the moves between them, and when that was so."""

    steps: Sequence[Step]
    moves: Sequence[Move]
    as_of: Micros
    complete: bool


def span(question: FunnelQuestion) -> Span:
    """The interval: up to `as_of` and 365 days long, where nothing else is said.

    Raises IntervalEmpty and IntervalTooLong.
    """
    end = question.as_of if question.end is None else question.end
    start = max(_BEGINNING, end - _USUAL) if question.start is None else question.start
    if start >= end:
        raise IntervalEmpty.refused(ends=question.end is not None)
    if end - start > _LONGEST:
        raise IntervalTooLong.refused()
    return Span(start, end)


def funnel(steps: Iterable[Step], ended: Sequence[Ended], within: Span, as_of: Micros) -> Funnel:
    """The funnel of these counts, of which only those that are not zero need to be given."""
    by_stage = {step.stage: step for step in steps}
    return Funnel(
        [by_stage.get(stage, Step(stage)) for stage in Stage],
        moves(ended),
        as_of,
        complete=within.end <= as_of,
    )


def moves(ended: Sequence[Ended]) -> list[Move]:
    """The moves, the most frequent first, then in the order of stages."""
    visits: Counter[Stage] = Counter()
    for one in ended:
        visits[one.stage] += one.count
    seen = [
        Move(one.stage, one.next_stage, one.count, one.count / visits[one.stage], one.median)
        for one in ended
        if one.next_stage is not None
    ]
    return sorted(seen, key=lambda move: (-move.count, move.from_stage, move.to_stage))

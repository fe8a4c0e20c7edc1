"""Visits: the times that a client spent in one stage without a break."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from services.journey.journeys.rules.vocabulary import Happening, Micros, Stage

_ONWARDS = {stage: Stage(stage + 1) for stage in Stage if stage < Stage.UPSELL_CANDIDATE}
_ALSO_USUAL = frozenset(
    {
        (Stage.LEAD, Stage.ONBOARDING),
        (Stage.AWAITING_FEEDBACK, Stage.ACTIVE_PROJECT),
        (Stage.BILLING, Stage.ACTIVE_PROJECT),
        (Stage.RETENTION, Stage.ACTIVE_PROJECT),
        (Stage.RETENTION, Stage.BILLING),
        (Stage.UPSELL_CANDIDATE, Stage.ACTIVE_PROJECT),
        (Stage.UPSELL_CANDIDATE, Stage.BILLING),
        (Stage.UPSELL_CANDIDATE, Stage.RETENTION),
        (Stage.CHURN_RISK, Stage.RETENTION),
        (Stage.CHURN_RISK, Stage.ACTIVE_PROJECT),
    }
)
"""Rounds of feedback, the next project, the next invoice, and who was won back."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A time in one stage; it ends with the visit to the next."""

    stage: Stage
    entered_at: Micros
    event_id: UUID
    unusual: bool
    left_at: Micros | None = None
    next_stage: Stage | None = None


def usual(before: Stage | None, after: Stage) -> bool:
    """Whether clients usually go there: on by one, to churn_risk, or as the list says.

    The first stage may be any.
    """
    if before is None or after in (before, Stage.CHURN_RISK):
        return True
    return _ONWARDS.get(before) == after or (before, after) in _ALSO_USUAL


def visits(events: Iterable[Happening], coming_from: Stage | None = None) -> list[Visit]:
    """The visits that these events, in any order, make; the oldest first.

    `coming_from` is the stage that the client is in before them, None when it was in none.
    """
    moves: list[tuple[Stage, Happening, bool]] = []
    before = coming_from
    for event in sorted(events, key=lambda one: one.key):
        if event.stage is not None and event.stage != before:
            moves.append((event.stage, event, not usual(before, event.stage)))
            before = event.stage
    found = [
        Visit(stage, move.occurred_at, move.event_id, unusual, following.occurred_at, after)
        for (stage, move, unusual), (after, following, _) in pairwise(moves)
    ]
    found += [Visit(stage, e.occurred_at, e.event_id, unusual) for stage, e, unusual in moves[-1:]]
    return found


def continued(before: Sequence[Visit], following: Sequence[Visit]) -> list[Visit]:
    """Visits with those that follow them."""
    if not (before and following):
        return [*before, *following]
    last = ended(before[-1], following[0].entered_at, following[0].stage)
    return [*before[:-1], last, *following]


def ended(visit: Visit, at: Micros, stage: Stage) -> Visit:
    """The visit, ended by a move to the next stage."""
    return Visit(visit.stage, visit.entered_at, visit.event_id, visit.unusual, at, stage)

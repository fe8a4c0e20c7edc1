"""What may be told of an action, and what is kept and counted of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID, uuid5

from services.journey.actions.rules.decision import Decision
from services.journey.journeys.rules.moments import from_micros
from services.journey.journeys.rules.vocabulary import (
    DAY,
    SECOND,
    Action,
    Micros,
    Outcome,
)
from shared.errors import InvalidField, Violation

MAX_AGE_DAYS = 90
"""Of a decision, and of what was done."""
NO_DECISION = 1
"""The arm of what nobody was asked about; those of decisions are in `Arm`."""

_SKEW = 60 * SECOND
"""Clocks of callers differ from ours."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says came of an action."""

    client_id: str
    action: Action
    outcome: Outcome
    at: Micros
    decision: Decision | None = None
    note: str = ""


class Counted(NamedTuple):
    """As what an outcome is counted."""

    day: date
    """In UTC."""
    segment: str
    action: Action
    arm: int
    outcome: Outcome

    @property
    def cell(self) -> tuple[date, str, Action, int]:
        return self.day, self.segment, self.action, self.arm


class Change(NamedTuple):
    """What is added to a cell of the tally; less than nothing where an outcome was replaced."""

    day: date
    segment: str
    action: Action
    arm: int
    accepted: int
    ignored: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was kept of it."""

    outcome_id: UUID
    cooldown_until: Micros | None
    """Until when the action is not recommended for the client again."""
    replaced: bool


def check(told: Told, now: Micros) -> None:
    """Refuse what cannot be, and what the decision does not say. Raises InvalidField."""
    if violations := [*_about_time(told, now), *_about_decision(told, now)]:
        raise InvalidField(violations=violations)


def outcome_id(decision: Decision, action: Action) -> UUID:
    """The id of what came of an action of this decision, however often it is told."""
    return uuid5(decision.decision_id, str(action.value))


def rank_of(decision: Decision, action: Action) -> int:
    """At which place the decision had it, 1 the first; 0 when nowhere."""
    actions = [one.action for one in decision.recommended]
    return actions.index(action) + 1 if action in actions else 0


def counted(told: Told, segment: str) -> Counted:
    """As what it counts; with a decision, in the segment that it was made for."""
    decision = told.decision
    return Counted(
        from_micros(told.at).date(),
        segment if decision is None else decision.segment,
        told.action,
        NO_DECISION if decision is None else decision.arm.value,
        told.outcome,
    )


def changes(before: Counted | None, after: Counted) -> list[Change]:
    """What the tally changes by when this replaces what was told before.

    In the order of its cells: whoever changes several waits for the others in the same order.
    """
    sums: defaultdict[tuple[date, str, Action, int], list[int]] = defaultdict(lambda: [0] * 4)
    for one, sign in ((before, -1), (after, 1)):
        if one is not None:
            sums[one.cell][one.outcome - 1] += sign
    return [Change(*cell, *added) for cell, added in sorted(sums.items()) if any(added)]


def _about_time(told: Told, now: Micros) -> Iterable[Violation]:
    if told.at > now + _SKEW:
        yield Violation("occurred_at", "must not lie in the future")
    if told.at < now - MAX_AGE_DAYS * DAY:
        yield Violation("occurred_at", f"must not lie more than {MAX_AGE_DAYS} days ago")


def _about_decision(told: Told, now: Micros) -> Iterable[Violation]:
    decision = told.decision
    if decision is None:
        return
    if decision.client_id != told.client_id:
        yield Violation("decision_token", "is of a decision for another client")
    elif not rank_of(decision, told.action):
        yield Violation("action", "was not recommended by the decision of this token")
    if decision.made_at < now - MAX_AGE_DAYS * DAY:
        yield Violation("decision_token", f"is older than {MAX_AGE_DAYS} days")

"""How well actions work, and what learning adds over the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.journey.actions.rules.decision import Arm
from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules import estimates
from services.journey.learning.rules.estimates import Estimate, Weighed
from services.journey.learning.rules.policy import Effect, Policy, effect

MIN_DECISIONS = 30
"""Fewer tell nothing about another policy."""


class Numbers(NamedTuple):
    """Outcomes by kind."""

    accepted: int = 0
    ignored: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def outcomes(self) -> int:
        return sum(self)

    @property
    def taken_up(self) -> Estimate:
        return estimates.share(self.accepted + self.succeeded, self.outcomes)

    @property
    def success(self) -> Estimate:
        return estimates.share(self.succeeded, self.succeeded + self.failed)

    def plus(self, other: Numbers) -> Numbers:
        return Numbers(*(one + another for one, another in zip(self, other, strict=True)))


class Sum(NamedTuple):
    """Outcomes of an action by an arm."""

    action: Action
    arm: int
    numbers: Numbers


class Clients(NamedTuple):
    """Clients with a decision."""

    held_out: int
    all: int


@dataclass(frozen=True, slots=True)
class Uplift:
    """Those served by what was learnt against those held out."""

    learnt: Estimate
    held_out: Estimate
    difference: Estimate

    @property
    def conclusive(self) -> bool:
        return self.difference.lower > 0 or self.difference.upper < 0


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What the rules alone would have reached on the decisions of what was learnt."""

    rules: Estimate
    logged: Estimate
    effective_n: float


class Learnt(NamedTuple):
    """What is believed of an action."""

    segment: str
    action: Action
    effect: Effect


@dataclass(frozen=True, slots=True)
class Report:
    """All that GetActionReport answers but when."""

    actions: Sequence[tuple[Action, Numbers]]
    uplift: Uplift | None
    off_policy: OffPolicy | None
    held_out_share: float
    learnt: Sequence[Learnt]
    learning: bool
    policy_version: int
    missing_outcomes: int


def by_action(sums: Iterable[Sum]) -> list[tuple[Action, Numbers]]:
    """The numbers of each action, by its number, whatever they came by."""
    found: defaultdict[Action, Numbers] = defaultdict(Numbers)
    for one in sums:
        found[one.action] = found[one.action].plus(one.numbers)
    return [(action, found[action]) for action in sorted(found) if found[action].outcomes]


def uplift(sums: Sequence[Sum]) -> Uplift | None:
    """What learning adds; None without outcomes of both kinds."""
    learnt, held_out = (_of_arm(sums, arm) for arm in (Arm.LEARNT, Arm.HELD_OUT))
    if not learnt.outcomes or not held_out.outcomes:
        return None
    one, other = learnt.taken_up, held_out.taken_up
    return Uplift(one, other, estimates.difference(one, other))


def off_policy(weighed: Weighed) -> OffPolicy | None:
    """The rules on the decisions of what was learnt; None where too little tells of them."""
    rules = estimates.off_policy(weighed)
    if rules is None or weighed.decisions < MIN_DECISIONS:
        return None
    logged = estimates.share(weighed.taken, weighed.decisions)
    return OffPolicy(rules, logged, estimates.effective_n(weighed))


def learnt(policy: Policy, learning: Learning) -> list[Learnt]:
    """The belief about every action with outcomes, as if it came first by the rules."""
    return [
        Learnt(segment or "", action, effect(policy, learning, segment or "", action, 0))
        for segment, actions in sorted(policy.beliefs.items(), key=lambda one: one[0] or "")
        for action, counts in sorted(actions.items())
        if counts.outcomes > 0
    ]


def _of_arm(sums: Iterable[Sum], arm: Arm) -> Numbers:
    total = Numbers()
    for one in sums:
        if one.arm == arm:
            total = total.plus(one.numbers)
    return total

"""How the ranking learns: Beta beliefs with the rules as prior, and Thompson sampling from them.

A belief about an action is Beta(a, b): how likely it is taken up. It begins where the rules stand,
moves with the organisation's outcomes, and for a segment with those of its own. Recommendations are
ranked by one draw from each belief (Thompson, "On the likelihood that one unknown probability
exceeds another in view of the evidence of two samples", Biometrika 25, 1933), so that what is
uncertain is tried and what is known to be worse is left. Learning reorders actions of the same
tier alone: it never brings in one that was not called for and permitted, and never moves one from
what the stage calls for before what the risks call for.

Everything here is a function of its arguments: policy, settings, segment and seed say the ranking.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from services.journey.journeys.rules.calls import Called
from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.beta import Beta, draw, largest, quantiles

_FIRST_MEAN = 0.5
_FALL = 0.8
"""What the rules expect of their first action, and how much less of each next one."""
_INTERVAL = (0.05, 0.95)
"""Between them lie 90 % of a belief."""


class Counts(NamedTuple):
    """Outcomes, those of long ago counted in part."""

    taken: float
    """Accepted and succeeded."""
    left: float
    """Ignored and failed."""

    @property
    def outcomes(self) -> float:
        return self.taken + self.left


_NOTHING = Counts(0.0, 0.0)
Beliefs = Mapping[str | None, Mapping[Action, Counts]]
"""By segment; None for all clients together, those without a segment included."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an organisation has learnt, in one version."""

    version: int = 0
    outcomes: float = 0.0
    """Those behind it, each counted whole: whether they are enough."""
    beliefs: Beliefs = field(default_factory=dict)


class Effect(NamedTuple):
    """How likely an action is taken up: the mean of a belief, and what holds 90 % of it."""

    mean: float
    lower: float
    upper: float
    outcomes: float
    """Behind it; 0 for the guess of the rules."""


class Ranked(NamedTuple):
    """An action that is recommended, at its place."""

    called: Called
    propensity: float
    """With what probability it was to be the first of all."""
    effect: Effect


@dataclass(frozen=True, slots=True)
class Prospects:
    """All about the actions of a call that does not hang on whose call it is, in the rules' order.

    To be kept by policy version, segment, version of settings, actions and tiers, and `held_out`.
    """

    learnt: bool
    beliefs: tuple[Beta, ...]
    effects: tuple[Effect, ...]
    propensities: tuple[float, ...]


def held_out(org_id: UUID, client_id: str, percent: float) -> bool:
    """Whether a client gets the rules alone: for good, unless the percentage is changed.

    Who is held out at a percentage is so at every higher one.
    """
    return _hashed(b"hold-out", org_id, client_id) < percent / 100 * 2**64


def seed_of(org_id: UUID, client_id: str, version: int, day: date) -> int:
    """What makes a ranking: the same for a client all day (UTC). It fits into 63 bits."""
    return _hashed(b"seed", org_id, f"{version}\0{day.isoformat()}\0{client_id}") >> 1


def learns(policy: Policy, learning: Learning) -> bool:
    """Whether what was learnt has any effect: it may, and there is enough of it."""
    return learning.enabled and policy.version > 0 and policy.outcomes >= learning.min_outcomes


def belief(
    policy: Policy, learning: Learning, segment: str, action: Action, place: int
) -> tuple[Beta, float]:
    """What is believed of an action at its place in the rules' order, and the outcomes behind it.

    The rules' guess is worth `prior_strength` outcomes, of which it expects 0.5 x 0.8^place to be
    taken up; counts are added to it, the conjugate update of a Beta (Gelman et al., "Bayesian Data
    Analysis", 3rd ed., section 2.4). For a segment the guess is the belief from the outcomes of all
    others, worth what it stands on and at most `segment_strength`: a hierarchical model with the
    strength of its pooling given (same, section 5.1). A segment with few outcomes stays near the
    organisation; with `segment_strength` of its own it weighs as much.
    """
    mean = _FIRST_MEAN * _FALL**place
    known = policy.beliefs.get(None, {}).get(action, _NOTHING)
    prior = learning.prior_strength
    if not segment:
        return _updated(mean, prior, known), known.outcomes
    own = policy.beliefs.get(segment, {}).get(action, _NOTHING)
    rest = Counts(max(0.0, known.taken - own.taken), max(0.0, known.left - own.left))
    others = _updated(mean, prior, rest)
    pooled = min(others.a + others.b, learning.segment_strength)
    return _updated(others.mean, pooled, own), own.outcomes


def effect(policy: Policy, learning: Learning, segment: str, action: Action, place: int) -> Effect:
    """What is to be expected of an action at its place in the rules' order."""
    believed, outcomes = belief(policy, learning, segment, action, place)
    lower, upper = quantiles(believed, _INTERVAL)
    return Effect(believed.mean, lower, upper, outcomes)


def prospects(
    called: Sequence[Called],
    policy: Policy,
    learning: Learning,
    segment: str,
    *,
    held_out: bool = False,
) -> Prospects:
    """Beliefs, effects and propensities of permitted actions, given in the rules' order.

    The first of all is always of the first tier, so actions of the others have propensity 0. By the
    rules alone the first action has propensity 1.
    """
    learnt = learns(policy, learning) and not held_out
    places = list(enumerate(one.action for one in called))
    beliefs = tuple(belief(policy, learning, segment, action, at)[0] for at, action in places)
    first = sum(1 for one in called if one.tier == called[0].tier)
    chances = largest(beliefs[:first]) if learnt and called else (1.0,)[: len(called)]
    return Prospects(
        learnt,
        beliefs,
        tuple(effect(policy, learning, segment, action, at) for at, action in places),
        (*chances, *(0.0 for _ in range(len(called) - len(chances)))),
    )


def ranked_by(called: Sequence[Called], prospects: Prospects, seed: int) -> tuple[Ranked, ...]:
    """The actions in the order of one draw from each belief, tier by tier."""
    order: Sequence[int] = range(len(called))
    if prospects.learnt:
        # Not for secrets: it makes the same numbers of a seed for ever.
        uniform = random.Random(seed).random  # noqa: S311
        order = _drawn(called, prospects.beliefs, uniform)
    return tuple(
        Ranked(called[at], prospects.propensities[at], prospects.effects[at]) for at in order
    )


def ranked(
    called: Sequence[Called],
    policy: Policy,
    learning: Learning,
    segment: str,
    seed: int,
    *,
    held_out: bool = False,
) -> tuple[Ranked, ...]:
    """Permitted actions, given in the rules' order, the best first."""
    found = prospects(called, policy, learning, segment, held_out=held_out)
    return ranked_by(called, found, seed)


def _drawn(
    called: Sequence[Called], beliefs: Sequence[Beta], uniform: Callable[[], float]
) -> list[int]:
    order: list[int] = []
    for _, tier in groupby(range(len(called)), key=lambda at: called[at].tier):
        draws = {at: draw(beliefs[at], uniform) for at in tier}
        order += sorted(draws, key=lambda at: (-draws[at], at))
    return order


def _updated(mean: float, strength: float, counts: Counts) -> Beta:
    return Beta(mean * strength + counts.taken, (1 - mean) * strength + counts.left)


def _hashed(purpose: bytes, org_id: UUID, text: str) -> int:
    """A number below 2^64, evenly spread."""
    digest = blake2b(text.encode(), digest_size=8, key=org_id.bytes, person=purpose)
    return int.from_bytes(digest.digest())

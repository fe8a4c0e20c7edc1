"""When and of what a new version of an organisation's policy is made."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.policy import Beliefs, Counts, Policy

DAYS_COUNTED = 400
"""With the usual half-life what is older counts less than a twentieth."""
POLICY_KEPT_DAYS = 100
"""Beyond the age at which outcomes of a decision are still taken."""

_MOST_SEGMENTS = 100
_NEWS_SHARE = 0.01
_NEWS_AGE = timedelta(minutes=10)


class Tally(NamedTuple):
    """Outcomes of an action in a segment; empty for clients without one."""

    segment: str
    action: Action
    taken: float
    """Those of long ago in part, here and in `left`."""
    left: float
    outcomes: int
    """Each whole."""


class Made(NamedTuple):
    """A policy, and when it was made."""

    policy: Policy
    at: datetime


class Verdict(Enum):
    """Whether a new version is to be made."""

    SAME = "what is known says all"
    LATER = "too little is new, and not for long"
    NEW = "there is enough that is new"


def policy_of(version: int, tallies: Iterable[Tally]) -> Policy:
    """What is believed after these outcomes.

    Of segments the hundred with the most outcomes; clients of others are those of a segment of
    which nothing is known yet.
    """
    known = list(tallies)
    everyone: defaultdict[Action, Counts] = defaultdict(lambda: Counts(0.0, 0.0))
    segments: defaultdict[str, dict[Action, Counts]] = defaultdict(dict)
    for one in known:
        sums = everyone[one.action]
        everyone[one.action] = Counts(sums.taken + one.taken, sums.left + one.left)
        if one.segment:
            segments[one.segment][one.action] = Counts(one.taken, one.left)
    beliefs: Beliefs = {None: everyone, **{name: segments[name] for name in _largest(known)}}
    return Policy(version, math.fsum(one.outcomes for one in known), beliefs)


def verdict(before: Made | None, after: Policy, now: datetime, half_life_days: float) -> Verdict:
    """Whether it is worth a version of its own.

    Each outcome is, up to two hundred; then one in a hundred of those behind it, or ten minutes. So
    a busy organisation has no more versions than can be kept for as long as decisions are told of.
    """
    if before is None:
        return Verdict.NEW if after.outcomes > 0 else Verdict.SAME
    known = before.policy
    added = abs(after.outcomes - known.outcomes)
    faded = 0.5 ** ((now.date() - before.at.date()).days / half_life_days)
    if not added and _alike(known.beliefs, after.beliefs, faded):
        return Verdict.SAME
    enough = max(1.0, added) >= _NEWS_SHARE * known.outcomes or now - before.at >= _NEWS_AGE
    return Verdict.NEW if enough else Verdict.LATER


def counted_since(today: date) -> date:
    """The first day that counts."""
    return today - timedelta(days=DAYS_COUNTED - 1)


def _largest(tallies: Iterable[Tally]) -> list[str]:
    sizes: defaultdict[str, int] = defaultdict(int)
    for one in tallies:
        if one.segment:
            sizes[one.segment] += one.outcomes
    return sorted(sizes, key=lambda name: (-sizes[name], name))[:_MOST_SEGMENTS]


def _alike(before: Beliefs, after: Beliefs, faded: float) -> bool:
    """Whether nothing but time has passed."""
    return before.keys() == after.keys() and all(
        before[segment].keys() == after[segment].keys()
        and all(
            math.isclose(old * faded, new, rel_tol=1e-6, abs_tol=1e-9)
            for action, counts in after[segment].items()
            for old, new in zip(before[segment][action], counts, strict=True)
        )
        for segment in after
    )

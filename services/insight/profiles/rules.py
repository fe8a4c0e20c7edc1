"""How far a person has come: the formulas of docs/profiles.md. Pure.

A tally holds sums over the days of one user, made by one statement (`queries.py`). Sums that fade
weigh a day half after four weeks: `2 ** (-age_days / 28)`. There is no edge at which a day ceases
to count, so a score falls steadily through idle time and never jumps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

HALF_LIFE_DAYS = 28
PERIOD_DAYS = 28
"""Four weeks: what is compared with the four weeks before."""

HIGH_IMPACT_POINTS, MEDIUM_IMPACT_POINTS, LOW_IMPACT_POINTS = 5, 2, 1
MILESTONE_ACHIEVEMENTS = 3
"""Against 1 for an export or a resource."""
GOOD_ACTION_POINTS, ACTION_POINTS = 5, 2
"""Of an action away from the product that went well, and of any other."""
GOOD_ACTION_CREDITS, ACTION_CREDITS, BAD_ACTION_CREDITS = 6, 3, 1
"""To the competency it shows; an event of high impact gives 3."""

HALFWAY_POINTS = 120
HALFWAY_ACHIEVEMENTS = 20
HALFWAY_CREDITS = 40
REGULAR_DAYS = 20
"""Active days in four weeks that are as regular as it gets: every working day."""

ACTIVITY_PART, REGULARITY_PART, BREADTH_PART, ACHIEVEMENT_PART = 40, 25, 15, 20
"""Of the scaling score, in percent."""

SUFFICIENT_DAYS = 3
SMALL_STANDING = 4
IMPACT_SAMPLE = 20
LONG_GAP_DAYS = 14
MAX_NEXT_ACTIONS = 5
LISTED_DAYS = 90
"""Users without an event for longer are not listed."""


class Credits(NamedTuple):
    """Credits, or a score, for each competency."""

    customer_intelligence: float
    value_communication: float
    sales_execution: float
    systematic_optimization: float


class Trend(IntEnum):
    """Where credibility goes; the numbers of the contract."""

    IMPROVING = 1
    STABLE = 2
    DECLINING = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """A risk factor or a next action: its name, and its numbers for people."""

    name: str
    reason: str


class Tally(NamedTuple):
    """The days and actions of one user up to the day of `as_of`, summed up.

    `older_…` are the fading sums of what is 28 days old or older, as they weigh today.
    """

    user_id: str
    events: int
    tool_sessions: int
    exports: int
    resources: int
    milestones: int
    competency_points: int
    high_impact: int
    active_days: int
    last_at: datetime | None
    newest_age: int | None
    """Days since the last one with an event."""
    oldest_age: int | None
    """Days since the first one."""
    active: int
    """Bit n is set when there was an event n days ago, for 56 days."""
    recent_events: int
    recent_high: int
    previous_high: int
    recent_milestones: int
    previous_milestones: int
    points: float
    achievements: float
    customer_intelligence: float
    value_communication: float
    sales_execution: float
    systematic_optimization: float
    older_points: float
    older_achievements: float
    older_customer_intelligence: float
    older_value_communication: float
    older_sales_execution: float
    older_systematic_optimization: float
    offline_actions: int
    recent_good_actions: int
    previous_good_actions: int

    @property
    def known(self) -> bool:
        """Whether there is anything at all."""
        return self.active_days > 0 or self.offline_actions > 0


class Standing(NamedTuple):
    """What a scaling score is made of, as of one day."""

    points: float
    achievements: float
    credits: Credits
    active_days: int
    """Of the last 28."""


class Score(NamedTuple):
    """The scaling score and its parts, each 0 to 100."""

    activity: float
    regularity: float
    competencies: Credits
    breadth: float
    achievement: float

    @property
    def whole(self) -> float:
        """The scaling score."""
        parts = (
            ACTIVITY_PART * self.activity
            + REGULARITY_PART * self.regularity
            + BREADTH_PART * self.breadth
            + ACHIEVEMENT_PART * self.achievement
        )
        return parts / 100


class Profile(NamedTuple):
    """What the tally of a user comes to."""

    tally: Tally
    scaling_score: float
    progression_rate: float
    credibility_trend: Trend
    competencies: Credits
    risk_factors: Sequence[Reason]
    next_actions: Sequence[Reason]
    missing: str
    """Why the score says little; empty when it says enough."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of profiles, the time that they are for, and whether there are more."""

    profiles: Sequence[Profile]
    as_of: datetime
    more: bool


def profile(tally: Tally) -> Profile:
    """The profile of a user."""
    score = scaling_score(standing_now(tally))
    whole, before = score.whole, scaling_score(standing_before(tally)).whole
    risks = risk_factors(tally)
    return Profile(
        tally,
        whole,
        (whole - before) / (PERIOD_DAYS // 7),
        credibility_trend(
            _standing_with_others(
                tally.recent_high, tally.recent_milestones, tally.recent_good_actions
            ),
            _standing_with_others(
                tally.previous_high, tally.previous_milestones, tally.previous_good_actions
            ),
        ),
        score.competencies,
        risks,
        next_actions(tally, score, risks),
        _missing(tally.active_days),
    )


def towards_100(amount: float, halfway: float) -> float:
    """0 for nothing, 50 at `halfway`, below 100 however much: more is always more.

    Unlike `1 - exp(-x)` it does not run into 100 within the precision of a double, so that much use
    still outweighs less, and idle time shows from its first day.
    """
    return 100 * amount / (amount + halfway)


def standing_now(tally: Tally) -> Standing:
    """What counts on the day of `as_of`."""
    fresh = Credits(
        tally.customer_intelligence,
        tally.value_communication,
        tally.sales_execution,
        tally.systematic_optimization,
    )
    recent = tally.active & _PERIOD
    return Standing(tally.points, tally.achievements, fresh, recent.bit_count())


def standing_before(tally: Tally) -> Standing:
    """What counted 28 days earlier, when all that is older than that weighed twice as much."""
    growth = 2 ** (PERIOD_DAYS / HALF_LIFE_DAYS)
    older = Credits(
        growth * tally.older_customer_intelligence,
        growth * tally.older_value_communication,
        growth * tally.older_sales_execution,
        growth * tally.older_systematic_optimization,
    )
    previous = tally.active >> PERIOD_DAYS & _PERIOD
    points, achievements = growth * tally.older_points, growth * tally.older_achievements
    return Standing(points, achievements, older, previous.bit_count())


def scaling_score(standing: Standing) -> Score:
    """The score and its parts. Every part grows with what was done and falls, or stays 0, idle."""
    competencies = Credits(*[towards_100(one, HALFWAY_CREDITS) for one in standing.credits])
    return Score(
        towards_100(standing.points, HALFWAY_POINTS),
        100 * min(standing.active_days, REGULAR_DAYS) / REGULAR_DAYS,
        competencies,
        sum(competencies) / len(competencies),
        towards_100(standing.achievements, HALFWAY_ACHIEVEMENTS),
    )


def credibility_trend(recent: int, previous: int) -> Trend:
    """Four weeks against the four before: more than a quarter up or down, if there is enough."""
    if max(recent, previous) < SMALL_STANDING:
        return Trend.STABLE
    if 4 * recent > 5 * previous:
        return Trend.IMPROVING
    return Trend.DECLINING if 4 * recent < 3 * previous else Trend.STABLE


def risk_factors(tally: Tally) -> list[Reason]:
    """What gives reason to worry; each has a minimum of its own below which it is not said."""
    found = []
    if unsteady := _unsteady(tally):
        found.append(Reason("inconsistent_system_usage", unsteady))
    events, high = tally.recent_events, tally.recent_high
    if events >= IMPACT_SAMPLE and 10 * high < events:
        told = f"{high} of {events} events of the last 28 days have high impact, below a tenth"
        found.append(Reason("low_business_impact_actions", told))
    return found


def next_actions(tally: Tally, score: Score, risks: Sequence[Reason]) -> list[Reason]:
    """What would help most: first against risks, then where most of the score is missing."""
    against = [Reason(_AGAINST[risk.name], risk.reason) for risk in risks]
    names = {one.name for one in against}
    others = [one for one in _possible(tally, score) if one[1].name not in names]
    others.sort(key=lambda one: -one[0])  # stable: equals stay in the order of the page
    return [*against, *(reason for _, reason in others)][:MAX_NEXT_ACTIONS]


_PERIOD = (1 << PERIOD_DAYS) - 1

_AGAINST: Mapping[str, str] = MappingProxyType({
    "inconsistent_system_usage": "resume_regular_use",
    "low_business_impact_actions": "raise_business_impact",
})  # fmt: skip


def _standing_with_others(high: int, milestones: int, good_actions: int) -> int:
    return high + MILESTONE_ACHIEVEMENTS * milestones + good_actions


def _unsteady(tally: Tally) -> str:
    """Why use is not consistent; empty when it is, or when it began less than four weeks ago."""
    if tally.oldest_age is None or tally.oldest_age < PERIOD_DAYS:
        return ""
    recent = tally.active & _PERIOD
    weeks = sum(1 for week in range(0, PERIOD_DAYS, 7) if recent >> week & 0x7F)
    if weeks < 2:  # noqa: PLR2004 - of four
        return f"active in {weeks} of the last 4 weeks"
    gap = max((len(list(run)) for bit, run in groupby(f"{recent:028b}") if bit == "0"), default=0)
    return f"{gap} of the last 28 days in a row without an event" if gap >= LONG_GAP_DAYS else ""


def _possible(tally: Tally, score: Score) -> list[tuple[float, Reason]]:
    """Steps that would add to the score, each with the points that its part lacks."""
    weakest = min(Credits._fields, key=lambda area: getattr(score.competencies, area))
    lowest = getattr(score.competencies, weakest)
    step, told = _to_achieve(tally)
    return [
        (
            REGULARITY_PART * (100 - score.regularity),
            Reason(
                "resume_regular_use",
                f"active on {(tally.active & _PERIOD).bit_count()} of the last 28 days; "
                f"{REGULAR_DAYS} is regular",
            ),
        ),
        (
            ACTIVITY_PART * (100 - score.activity),
            Reason(
                "raise_business_impact",
                f"an event of high impact counts {HIGH_IMPACT_POINTS} times one of low impact",
            ),
        ),
        (
            BREADTH_PART * (100 - score.breadth),
            Reason(f"develop_{weakest}", f"the weakest of four competencies, at {lowest:.0f}"),
        ),
        (ACHIEVEMENT_PART * (100 - score.achievement), Reason(step, told)),
        (0.0, _to_record(tally)),
    ]


def _to_achieve(tally: Tally) -> tuple[str, str]:
    if not tally.resources:
        return "create_resources", "no resource or report has been made yet"
    if not tally.exports:
        return "export_results", f"none of {tally.resources} resources has been exported"
    return "reach_milestone", f"{tally.recent_milestones} milestones in the last 28 days"


def _to_record(tally: Tally) -> Reason:
    told = f"{tally.offline_actions} calls, meetings and deals are recorded"
    return Reason("record_customer_actions", told)


def _missing(active_days: int) -> str:
    if active_days >= SUFFICIENT_DAYS:
        return ""
    return f"active_days: {active_days} of {SUFFICIENT_DAYS}"

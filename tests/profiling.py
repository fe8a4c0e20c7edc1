"""Profiles worked out the slow way, event by event: what the service must come to as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from services.insight.profiles.rules import Tally

AREAS = (
    "customer_intelligence",
    "value_communication",
    "sales_execution",
    "systematic_optimization",
)
KINDS = (
    "feature_used", "tool_usage", "export_action", "resource_generation", "report_generated",
    "competency_milestone", "page_view",
)  # fmt: skip
LOW, MEDIUM, HIGH = 1, 2, 3
GOOD, NEUTRAL, BAD = 1, 2, 3


@dataclass(frozen=True)
class Deed:
    """An event, so many days ago."""

    age: int
    kind: str = "feature_used"
    impact: int = LOW
    area: str = ""
    points: int = 0
    """Of a milestone."""

    def older(self, days: int) -> Deed:
        return Deed(self.age + days, self.kind, self.impact, self.area, self.points)


@dataclass(frozen=True)
class Offline:
    """An action away from the product, so many days ago."""

    age: int
    outcome: int = NEUTRAL
    area: str = ""


def deeds(oldest: int = 360) -> st.SearchStrategy[Deed]:
    return st.builds(
        lambda age, kind, impact, area, points: Deed(
            age, kind, impact, area, points if kind == "competency_milestone" else 0
        ),
        st.integers(0, oldest) | st.integers(0, 60),
        st.sampled_from(KINDS),
        st.sampled_from((LOW, MEDIUM, HIGH)),
        st.sampled_from(("", "cooking", *AREAS)),
        st.integers(0, 50),
    )


def tally(happened: Iterable[Deed], actions: Sequence[Offline] = (), user_id: str = "mia") -> Tally:
    """What the events and actions of a user add up to."""
    past = sorted(happened, key=lambda deed: -deed.age)
    count, fading = _counts(past), _Fading()
    for deed in past:
        fading.add("points", {LOW: 1, MEDIUM: 2, HIGH: 5}[deed.impact], deed.age)
        fading.add(deed.area, deed.impact + deed.points, deed.age)
        fading.add("achievements", _ACHIEVED.get(deed.kind, 0), deed.age)
    for action in actions:
        count["offline_actions"] += 1
        count["recent_good_actions"] += action.outcome == GOOD and action.age < 28
        count["previous_good_actions"] += action.outcome == GOOD and 28 <= action.age < 56
        fading.add("points", 5 if action.outcome == GOOD else 2, action.age)
        fading.add(action.area, {GOOD: 6, NEUTRAL: 3, BAD: 1}[action.outcome], action.age)
    ages = {deed.age for deed in past}
    known: dict[str, Any] = {
        "user_id": user_id,
        "active_days": len(ages),
        "last_at": None,
        "newest_age": min(ages, default=None),
        "oldest_age": max(ages, default=None),
        "active": sum(1 << age for age in ages if age < 56),
    }
    return Tally(**{name: fading[name] or count[name] for name in Tally._fields} | known)


_ACHIEVED = {
    "competency_milestone": 3,
    "export_action": 1,
    "resource_generation": 1,
    "report_generated": 1,
}


class _Fading(Counter[str]):
    """Sums in which a day weighs half after four weeks, also of what is as old as that alone."""

    def add(self, name: str, amount: float, age: int) -> None:
        faded: Any = amount * 0.5 ** (age / 28)
        self[name] += faded
        if age >= 28:
            self[f"older_{name}"] += faded


def _counts(past: Iterable[Deed]) -> Counter[str]:
    count: Counter[str] = Counter()
    for deed in past:
        milestone, high = deed.kind == "competency_milestone", deed.impact == HIGH
        count["events"] += 1
        count["tool_sessions"] += deed.kind in ("feature_used", "tool_usage")
        count["exports"] += deed.kind == "export_action"
        count["resources"] += deed.kind in ("resource_generation", "report_generated")
        count["milestones"] += milestone
        count["competency_points"] += deed.points
        count["high_impact"] += high
        count["recent_events"] += deed.age < 28
        count["recent_high"] += high and deed.age < 28
        count["previous_high"] += high and 28 <= deed.age < 56
        count["recent_milestones"] += milestone and deed.age < 28
        count["previous_milestones"] += milestone and 28 <= deed.age < 56
    return count

"""UpdateJourneySettings refuses what makes no sense, and says where."""

from __future__ import annotations

import math
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import journey_pb2 as words
from footfall.journey.v1 import settings_pb2 as pb
from tests.cataloguing import cap, current, level, mail, refused, threshold, update
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation

LEAD = pb.StageRule(stage=words.STAGE_LEAD, weight=1)
LATE = pb.RiskRule(
    risk=words.RISK_LATE_INVOICES,
    enabled=True,
    points=12.5,
    action=words.ACTION_SCHEDULE_MEETING,
    rank=3,
)
CHEAP = {"risk": 1, "action": 1, "rank": 1}
EMAIL, ALL = words.CHANNEL_EMAIL, words.CHANNEL_UNSPECIFIED


@pytest.fixture
def owner(journey: Journey, acme: Organisation) -> Traveller:
    return journey.traveller(acme, "olga")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("settings.stages[0].stage", {"stages": [pb.StageRule(weight=1)]}),
        ("settings.stages[0].stage", {"stages": [pb.StageRule(stage=77)]}),  # type: ignore[arg-type]
        ("settings.stages[0].weight", {"stages": [{"stage": 1, "weight": 100.5}]}),
        ("settings.stages[0].weight", {"stages": [{"stage": 1, "weight": math.nan}]}),
        ("settings.stages[0].actions", {"stages": [{"stage": 1, "actions": [2, 2]}]}),
        ("settings.stages[0].actions[1]", {"stages": [{"stage": 1, "actions": [2, 77]}]}),
        ("settings.stages[1].stage", {"stages": [LEAD, LEAD]}),
        ("settings.risks[0].points", {"risks": [{**CHEAP, "points": -1}]}),
        ("settings.risks[0].action", {"risks": [{"risk": 1, "rank": 1}]}),
        ("settings.risks[0].action", {"risks": [{"risk": 1, "rank": 1, "action": 77}]}),
        ("settings.risks[0].rank", {"risks": [{"risk": 1, "action": 1}]}),
        ("settings.risks[1].risk", {"risks": [LATE, LATE]}),
        ("settings.actions[0].channel", {"actions": [{"action": 1, "reason": "So."}]}),
        ("settings.actions[0].reason", mail("")),
        ("settings.actions[0].reason", mail("x" * 201)),
        ("settings.actions[0].reason", mail("For {client}")),
        ("settings.actions[0].reason", mail("For {}")),
        ("settings.actions[0].reason", mail("{level.__class__}")),
        ("settings.actions[0].reason", mail("{level!r}")),
        ("settings.actions[0].reason", mail("{level:>999999999}")),
        ("settings.actions[0].reason", mail("{{level}}")),
        ("settings.actions[0].reason", mail("{level")),
        ("settings.actions[0].reason", mail("level}")),
        ("settings.actions[1].action", {"actions": mail("So.")["actions"] * 2}),
        ("settings.actions[0].reason", mail(" ")),
        ("settings.levels[0].priority", {"levels": [pb.LevelRule(level=2, min_risks=2)]}),  # type: ignore[arg-type]
        ("settings.levels[0].min_risks", {"levels": [level("MEDIUM", 7)]}),
        ("settings.levels[0].min_risks", {"levels": [level("LOW", 1)]}),
        ("settings.levels[0].min_risks", {"levels": [level("MEDIUM", 0)]}),
        ("settings.levels[0].min_risks", {"levels": [level("MEDIUM", 3)]}),
        ("settings.levels[0].min_risks", {"levels": [level("HIGH", 4)]}),
        ("settings.levels[0].min_risks", {"levels": [level("HIGH", 2)]}),
        ("settings.levels[0].min_risks", {"levels": [level("CRITICAL", 5), level("HIGH", 5)]}),
        ("settings.levels[1].level", {"levels": [level("HIGH", 3), level("HIGH", 3)]}),
        threshold("engagement_min_events", 0),
        threshold("engagement_min_events", 21),
        threshold("tickets_days", 366),
        threshold("tickets_min", 51),
        threshold("sentiment_min_negative", 11),
        ("settings.caps[0].max_contacts", {"caps": [cap(EMAIL, 0, 7)]}),
        ("settings.caps[0].max_contacts", {"caps": [cap(EMAIL, 51, 7)]}),
        ("settings.caps[0].days", {"caps": [cap(EMAIL, 2, 366)]}),
        ("settings.caps[0].channel", {"caps": [cap(77, 2, 7)]}),  # type: ignore[arg-type]
        ("settings.caps[2].days", {"caps": [cap(EMAIL, 2, 7), cap(ALL, 2, 7), cap(EMAIL, 3, 7)]}),
        ("settings.caps", {"caps": [cap(EMAIL, 1, days) for days in range(1, 22)]}),
        ("settings.quiet_hours.to_minute", {"quiet_hours": {"to_minute": 1440}}),
        ("settings.cooldown_days", {"cooldown_days": 366}),
        ("settings.expiry_minutes", {"expiry_minutes": 0}),
        ("settings.signals_fresh_hours", {"signals_fresh_hours": 0}),
        ("settings.learning.half_life_days", {"learning": {"half_life_days": math.inf}}),
        ("settings.learning.hold_out_percent", {"learning": {"hold_out_percent": 50.5}}),
        ("settings.learning.min_outcomes", {"learning": {"min_outcomes": 0}}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    owner: Traveller, field: str, fields: dict[str, Any]
) -> None:
    found = refused(update, owner, **fields)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(found.violations) == [field]
    assert current(owner).version == 0


def test_all_that_contradicts_is_named_at_once(owner: Traveller) -> None:
    levels = [level("CRITICAL", 1), level("LOW", 2), level("HIGH", 1)]
    found = refused(update, owner, levels=levels, **mail("{why} {who} {level}"))
    assert found.violations == {
        "settings.levels[1].min_risks": "of LOW must be 0",
        "settings.levels[2].min_risks": "of HIGH must be more than that of MEDIUM, 2",
        "settings.levels[0].min_risks": "of CRITICAL must be more than that of HIGH, 1",
        "settings.actions[0].reason": ("has {who} {why}: only {level}, {stage}, {risks} are known"),
    }


def test_levels_may_move_together(owner: Traveller) -> None:
    """Only what comes of a change is compared, not each step of it."""
    made = update(owner, levels=[level("MEDIUM", 4), level("HIGH", 5), level("CRITICAL", 6)])
    assert [one.min_risks for one in made.levels] == [0, 4, 5, 6]

"""Settings by their names: shown, and changed one by one."""

from __future__ import annotations

import click
import pytest

from footfall.journey.v1 import journey_pb2 as j
from footfall.journey.v1.settings_pb2 import (
    ActionRule,
    ContactCap,
    JourneySettings,
    LearningSettings,
    QuietHours,
    RiskRule,
    RiskThresholds,
    StageRule,
)
from services.cli.journey.settings import changed, settings, table
from tests.drawing import drawn

CURRENT = JourneySettings(
    version=3, etag="e-3", changed_by="adam",
    stages=[StageRule(stage=j.STAGE_LEAD, weight=0, actions=[j.ACTION_EMAIL_OUTREACH])],
    risks=[RiskRule(risk=j.RISK_LATE_INVOICES, enabled=True, points=10, rank=3,
                    action=j.ACTION_EMAIL_OUTREACH)],
    actions=[ActionRule(action=j.ACTION_OFFER_CREDIT_PACK, enabled=True, reason="Ready.",
                        channel=j.CHANNEL_IN_APP)],
    thresholds=RiskThresholds(tickets_min=3), learning=LearningSettings(enabled=True),
    caps=[ContactCap(channel=j.CHANNEL_EMAIL, max_contacts=2, days=7),
          ContactCap(max_contacts=5, days=30)],
    quiet_hours=QuietHours(from_minute=22 * 60, to_minute=7 * 60), cooldown_days=14,
)  # fmt: skip


def shown(of: JourneySettings) -> dict[str, str]:
    pairs = (line.partition(" ") for line in drawn(table(of)))
    return {name: value.strip() for name, _, value in pairs}


def test_every_setting_has_a_name_and_a_value() -> None:
    values = shown(CURRENT)
    assert values["version"].startswith("3, by adam on ")
    assert values["stages.lead.actions"] == "email_outreach"
    assert values["risks.late_invoices.enabled"] == "true"
    assert values["actions.offer_credit_pack.channel"] == "in_app"
    assert values["actions.offer_credit_pack.reason"] == "Ready."
    assert (values["caps"], values["quiet_hours"]) == ("email:2/7,all:5/30", "22:00-07:00")
    assert shown(JourneySettings())["version"] == "the defaults"
    assert (shown(JourneySettings())["caps"], shown(JourneySettings())["quiet_hours"]) == (
        "none", "none",
    )  # fmt: skip


def test_each_is_set_by_what_is_shown_of_it() -> None:
    """So that what was shown can be typed."""
    for one in settings(CURRENT):
        before = one.value
        one.set(before)
        assert one.value == before, one.name


def test_a_rule_changes_as_a_whole_and_everything_else_by_itself() -> None:
    wish = changed(
        ["risks.late_invoices.points=15", "risks.late_invoices.enabled=off",
         "thresholds.tickets_min=4", "learning.half_life_days=30.5", "cooldown_days=0"], CURRENT
    )  # fmt: skip
    rule = RiskRule()
    rule.CopyFrom(CURRENT.risks[0])
    rule.points, rule.enabled = 15, False
    assert wish == JourneySettings(
        etag="e-3", risks=[rule], thresholds=RiskThresholds(tickets_min=4),
        learning=LearningSettings(half_life_days=30.5), cooldown_days=0,
    )  # fmt: skip
    assert CURRENT.risks[0].points == 10, "what is current stays"


def test_lists_caps_and_hours_can_be_emptied() -> None:
    wish = changed(["caps=none", "quiet_hours=none", "stages.lead.actions=none"], CURRENT)
    assert wish.replace_caps
    assert list(wish.caps) == []
    assert wish.HasField("quiet_hours")
    assert list(wish.stages[0].actions) == []
    filled = changed(["caps=voice:1/2,all:3/4"], CURRENT)
    assert [(one.channel, one.max_contacts, one.days) for one in filled.caps] == [
        (j.CHANNEL_VOICE, 1, 2), (0, 3, 4),
    ]  # fmt: skip


def test_quiet_hours_may_end_at_midnight_by_either_name() -> None:
    for midnight in ("24:00", "00:00", "0:00"):
        hours = changed([f"quiet_hours=22:00-{midnight}"], CURRENT).quiet_hours
        assert (hours.from_minute, hours.to_minute) == (22 * 60, 0)


def test_a_text_may_hold_what_separates() -> None:
    wish = changed(["actions.offer_credit_pack.reason=a=b, c"], CURRENT)
    assert wish.actions[0].reason == "a=b, c"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("risks.late_invoice.points=1", "Did you mean risks.late_invoices"),
        ("version=1", "There is no setting 'version'"),
        ("thresholds.tickets_min=many", "it takes a whole number"),
        ("learning.half_life_days=long", "it takes a number"),
        ("learning.enabled=perhaps", "it takes true or false"),
        ("risks.late_invoices.action=call", "'call' is none of email_outreach"),
        ("quiet_hours=22-7", "22:00-07:00"),
        ("quiet_hours=22:99-07:00", "minutes to 59"),
        ("quiet_hours=22:00-07:60", "minutes to 59"),
        ("quiet_hours=24:00-07:00", "from 00:00 to 24:00"),
        ("quiet_hours=22:00-24:01", "from 00:00 to 24:00"),
        ("quiet_hours=00:00-24:00", "begins when it ends"),
        ("caps=pigeon:1/2", "'pigeon' is none of email, voice"),
        ("cooldown_days", "it takes a whole number"),
    ],
)
def test_what_is_no_change_is_refused_in_words(change: str, told: str) -> None:
    with pytest.raises(click.UsageError, match=told):
        changed([change], CURRENT)

"""GetJourneySettings and UpdateJourneySettings: the promises of settings.proto, one by one."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from footfall.journey.v1 import journey_pb2 as words
from footfall.journey.v1 import settings_pb2 as pb
from tests.cataloguing import cap, current, mail, refused, send, update, without
from tests.ingesting import refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

SERVER_SET = ("version", "etag", "changed_by", "changed_at")
EMAILED, SURVEYED = words.ACTION_EMAIL_OUTREACH, words.ACTION_TRIGGER_SATISFACTION_SURVEY
BILLING = pb.StageRule(stage=words.STAGE_BILLING, weight=2.5, actions=[EMAILED, SURVEYED])
LATE = pb.RiskRule(
    risk=words.RISK_LATE_INVOICES,
    enabled=True,
    points=12.5,
    action=words.ACTION_SCHEDULE_MEETING,
    rank=3,
)
EMAIL, ALL = words.CHANNEL_EMAIL, words.CHANNEL_UNSPECIFIED


@pytest.fixture
def owner(journey: Journey, acme: Organisation) -> Traveller:
    return journey.traveller(acme, "olga")


def test_the_defaults_are_those_of_the_contract(caller: Traveller) -> None:
    found = current(caller)
    assert (found.version, found.changed_by, found.HasField("changed_at")) == (0, "", False)
    assert [(one.stage, one.weight, list(one.actions)) for one in found.stages] == [
        (words.STAGE_LEAD, 0, [words.ACTION_EMAIL_OUTREACH]),
        (words.STAGE_QUALIFIED_LEAD, 5, [words.ACTION_EMAIL_OUTREACH]),
        (words.STAGE_ONBOARDING, 10, [words.ACTION_SCHEDULE_MEETING]),
        (words.STAGE_ACTIVE_PROJECT, 15, []),
        (words.STAGE_AWAITING_FEEDBACK, 20, [words.ACTION_TRIGGER_SATISFACTION_SURVEY]),
        (words.STAGE_BILLING, 25, []),
        (words.STAGE_RETENTION, 30, []),
        (words.STAGE_UPSELL_CANDIDATE, 35, [words.ACTION_OFFER_CREDIT_PACK]),
        (words.STAGE_CHURN_RISK, 0, [words.ACTION_CONCIERGE_PERSONAL_INTERVENTION]),
    ]
    assert [(one.risk, one.action, one.rank) for one in found.risks] == [
        (words.RISK_LOW_ENGAGEMENT, words.ACTION_SEND_VOICE_MESSAGE, 4),
        (words.RISK_LATE_INVOICES, words.ACTION_EMAIL_OUTREACH, 3),
        (words.RISK_SLOW_PROJECT_PROGRESS, words.ACTION_SCHEDULE_MEETING, 5),
        (words.RISK_NEGATIVE_SENTIMENT, words.ACTION_CONCIERGE_PERSONAL_INTERVENTION, 1),
        (words.RISK_LOW_FEATURE_USAGE, words.ACTION_SCHEDULE_MEETING, 6),
        (words.RISK_HIGH_SUPPORT_TICKETS, words.ACTION_CONCIERGE_PERSONAL_INTERVENTION, 2),
    ]
    assert {(one.enabled, one.points) for one in found.risks} == {(True, 10)}
    assert [(one.action, one.enabled, one.channel) for one in found.actions] == [
        (words.ACTION_EMAIL_OUTREACH, True, words.CHANNEL_EMAIL),
        (words.ACTION_SCHEDULE_MEETING, True, words.CHANNEL_MEETING),
        (words.ACTION_SEND_VOICE_MESSAGE, True, words.CHANNEL_VOICE),
        (words.ACTION_CONCIERGE_PERSONAL_INTERVENTION, True, words.CHANNEL_PERSON),
        (words.ACTION_OFFER_CREDIT_PACK, True, words.CHANNEL_IN_APP),
        (words.ACTION_TRIGGER_SATISFACTION_SURVEY, True, words.CHANNEL_EMAIL),
    ]
    assert [(one.level, one.min_risks, one.priority) for one in found.levels] == [
        (words.RISK_LEVEL_LOW, 0, words.PRIORITY_LOW),
        (words.RISK_LEVEL_MEDIUM, 2, words.PRIORITY_MEDIUM),
        (words.RISK_LEVEL_HIGH, 3, words.PRIORITY_HIGH),
        (words.RISK_LEVEL_CRITICAL, 4, words.PRIORITY_URGENT),
    ]


def test_the_other_defaults_are_those_of_the_contract(caller: Traveller) -> None:
    found = current(caller)
    assert MessageToDict(found.thresholds, preserving_proto_field_name=True) == {
        "engagement_min_events": 3,
        "engagement_days": 30,
        "engagement_grace_days": 14,
        "sentiment_min_negative": 2,
        "project_min_days": 30,
        "project_milestone_days": 14,
        "tickets_min": 3,
        "tickets_days": 14,
    }
    assert MessageToDict(found.learning, preserving_proto_field_name=True) == {
        "enabled": True,
        "min_outcomes": 50,
        "half_life_days": 90,
        "prior_strength": 10,
        "segment_strength": 20,
        "hold_out_percent": 5,
    }
    assert (found.cooldown_days, found.expiry_minutes, found.signals_fresh_hours) == (14, 1440, 24)
    assert list(found.caps) == []
    assert (found.quiet_hours.from_minute, found.quiet_hours.to_minute) == (0, 0)


def test_everything_that_can_be_set_is_stored_and_shown(owner: Traveller) -> None:
    """Each gets a value of its own, so that no two can be mistaken for each other."""
    defaults = current(owner)
    wanted = without(defaults, *SERVER_SET)
    actions = [one.action for one in wanted.actions]
    for place, stage in enumerate(wanted.stages):
        stage.weight = place + 0.5
        stage.actions[:] = actions[place % 6 :][:2]
    for place, risk in enumerate(wanted.risks):
        risk.enabled, risk.points, risk.rank = place % 2 == 0, place + 0.25, 90 - place
        risk.action = 1 + (place + 3) % 6  # type: ignore[assignment]
    for place, action in enumerate(wanted.actions):
        action.enabled, action.reason = place % 2 == 1, f"{place}: {{level}} {{stage}} {{risks}}"
        action.channel = 1 + (place + 2) % 5  # type: ignore[assignment]
    for place, rule in enumerate(wanted.levels):
        rule.min_risks, rule.priority = place * 2, 4 - place  # type: ignore[assignment]
    for place, one in enumerate(pb.RiskThresholds.DESCRIPTOR.fields):
        setattr(wanted.thresholds, one.name, 2 + place)
    wanted.caps.extend([cap(EMAIL, 2, 7), cap(EMAIL, 4, 30), cap(ALL, 5, 7)])
    wanted.quiet_hours.from_minute, wanted.quiet_hours.to_minute = 1320, 420
    wanted.cooldown_days, wanted.expiry_minutes, wanted.signals_fresh_hours = 3, 4, 5
    wanted.learning.enabled = False
    for place, one in enumerate(pb.LearningSettings.DESCRIPTOR.fields[1:]):
        setattr(wanted.learning, one.name, 20 + place)
    made = send(owner, wanted)
    assert without(made, *SERVER_SET) == wanted
    assert current(owner) == made
    for one in wanted.DESCRIPTOR.fields:
        if one.number >= 10 and one.name != "replace_caps":
            assert getattr(wanted, one.name) != getattr(defaults, one.name), one.name


def test_a_change_makes_a_version_and_the_rest_stays(owner: Traveller) -> None:
    before = current(owner)
    first = update(owner, etag=before.etag, stages=[BILLING], cooldown_days=7)
    second = update(owner, etag=first.etag, thresholds={"tickets_min": 5})
    assert [first.version, second.version] == [1, 2]
    expected = without(before, *SERVER_SET)
    expected.stages[5].CopyFrom(BILLING)
    expected.cooldown_days, expected.thresholds.tickets_min = 7, 5
    assert without(second, *SERVER_SET) == expected
    assert second.changed_by == "olga"
    assert second.changed_at.ToMicroseconds() > first.changed_at.ToMicroseconds()


def test_what_is_named_of_stages_risks_actions_and_levels_changes_as_a_whole(
    owner: Traveller,
) -> None:
    """What is left out of it is empty, and what is not named stays."""
    update(owner, stages=[BILLING], risks=[LATE])
    bare = pb.StageRule(stage=words.STAGE_BILLING)
    off = pb.RiskRule(risk=words.RISK_LATE_INVOICES, action=words.ACTION_SCHEDULE_MEETING, rank=3)
    made = update(owner, stages=[bare], risks=[off])
    assert made.stages[5] == bare
    assert made.risks[1] == off
    assert made.stages[0].weight == 0
    assert list(made.stages[0].actions) == [words.ACTION_EMAIL_OUTREACH]


def test_each_version_can_be_read_and_zero_is_the_current_one(owner: Traveller) -> None:
    first = update(owner, cooldown_days=7)
    second = update(owner, cooldown_days=8)
    assert current(owner, 1) == first
    assert current(owner, 2) == current(owner) == second
    found = refused(current, owner, 3)
    assert (found.code, found.metadata) == (
        grpc.StatusCode.NOT_FOUND,
        {"resource": "journey_settings"},
    )


def test_a_number_can_be_zero(owner: Traveller) -> None:
    """Absent and 0 are different things."""
    update(owner, learning={"hold_out_percent": 10}, thresholds={"engagement_grace_days": 20})
    made = update(
        owner,
        cooldown_days=0,
        learning={"hold_out_percent": 0, "enabled": False},
        thresholds={"engagement_grace_days": 0},
    )
    assert (made.cooldown_days, made.thresholds.engagement_grace_days) == (0, 0)
    assert (made.learning.hold_out_percent, made.learning.enabled) == (0, False)
    assert made.learning.min_outcomes == 50


def test_caps_that_are_sent_replace_all_and_can_be_emptied(owner: Traveller) -> None:
    first = update(owner, caps=[cap(EMAIL, 2, 7), cap(ALL, 5, 7)])
    assert list(update(owner, cooldown_days=7).caps) == list(first.caps)
    assert list(update(owner, caps=[cap(EMAIL, 3, 7)]).caps) == [cap(EMAIL, 3, 7)]
    emptied = update(owner, replace_caps=True)
    assert (list(emptied.caps), emptied.replace_caps) == ([], False)


def test_quiet_hours_can_be_emptied(owner: Traveller) -> None:
    made = update(owner, quiet_hours={"from_minute": 1320, "to_minute": 420})
    assert update(owner, cooldown_days=7).quiet_hours == made.quiet_hours
    assert update(owner, quiet_hours={}).quiet_hours == pb.QuietHours()


def test_what_was_read_can_be_sent_back(owner: Traveller) -> None:
    first = update(owner, caps=[cap(EMAIL, 2, 7)], stages=[BILLING], **mail("{risks}"))
    assert send(owner, first) == first


def test_what_the_server_sets_cannot_be_chosen(owner: Traveller) -> None:
    found = refused(update, owner, version=7, changed_by="somebody", cooldown_days=7)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(found.violations) == {"settings.version", "settings.changed_by"}


def test_a_stale_etag_is_refused(owner: Traveller) -> None:
    before = current(owner)
    update(owner, etag=before.etag, cooldown_days=7)
    found = refused(update, owner, etag=before.etag, cooldown_days=8)
    assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert current(owner).cooldown_days == 7


def test_an_etag_fits_its_own_organisation_alone(
    journey: Journey, owner: Traveller, globex: Organisation
) -> None:
    other = journey.traveller(globex, "olga")
    found = refused(update, other, etag=current(owner).etag, cooldown_days=7)
    assert found.code is grpc.StatusCode.ABORTED
    update(owner, cooldown_days=7)
    assert current(other).cooldown_days == 14


def test_of_two_who_change_the_same_at_once_one_is_refused(
    journey: Journey, acme: Organisation
) -> None:
    travellers = [journey.traveller(acme, subject) for subject in ("olga", "adam")] * 4
    etag = current(travellers[0]).etag

    def change(traveller: Traveller) -> grpc.StatusCode | None:
        try:
            update(traveller, etag=etag, cooldown_days=9)
        except grpc.RpcError as error:
            return refusal(error).code
        return None

    with ThreadPoolExecutor(len(travellers)) as pool:
        answers = list(pool.map(change, travellers))
    assert answers.count(None) == 1
    assert answers.count(grpc.StatusCode.ABORTED) == len(travellers) - 1
    assert current(travellers[0]).version == 1


def test_without_an_etag_every_change_counts(journey: Journey, acme: Organisation) -> None:
    travellers = [journey.traveller(acme, "olga") for _ in range(6)]

    def change(one: Traveller, days: int) -> int:
        return int(update(one, cooldown_days=days).version)

    with ThreadPoolExecutor(len(travellers)) as pool:
        made = list(pool.map(change, travellers, range(20, 26)))
    assert sorted(made) == [1, 2, 3, 4, 5, 6]


def test_what_changes_nothing_makes_no_version(owner: Traveller) -> None:
    assert update(owner).version == 0
    assert update(owner, cooldown_days=7).version == 1
    assert update(owner, cooldown_days=7).version == 1
    assert current(owner).version == 1


def test_a_repeat_gets_the_first_answer(owner: Traveller) -> None:
    request_id = str(uuid.uuid4())
    first = update(owner, request_id, cooldown_days=7)
    assert update(owner, request_id, cooldown_days=7) == first
    assert current(owner).version == 1
    found = refused(update, owner, request_id, cooldown_days=8)
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_owners_and_admins_change_and_everyone_sees(journey: Journey, acme: Organisation) -> None:
    """Backends, too, only read: rules are for people to decide."""
    for traveller in (journey.traveller(acme, "mia"), journey.traveller(acme)):
        assert refused(update, traveller, cooldown_days=7).code is grpc.StatusCode.PERMISSION_DENIED
        assert current(traveller).version == 0
    assert update(journey.traveller(acme, "adam"), cooldown_days=7).changed_by == "adam"


def test_a_change_is_audited_with_what_it_changed(
    shared_database: MigratedDatabase, acme: Organisation, owner: Traveller
) -> None:
    update(owner, stages=[BILLING], cooldown_days=14, caps=[cap(EMAIL, 2, 7)], **mail("So."))
    refused(update, owner, **mail("{so}"))
    entries = shared_database.execute(
        "SELECT action, target, actor, actor_role, details FROM app.audit_entries"
        " WHERE org_id = %s AND action LIKE 'journey_settings.%%'",
        acme.org_id,
    )
    changed = {
        "stages.billing.weight": [25, 2.5],
        "stages.billing.actions": [[], ["email_outreach", "trigger_satisfaction_survey"]],
        "actions.email_outreach.reason": ["Client needs re-engagement via email", "So."],
        "caps": [[], [{"channel": "email", "max_contacts": 2, "days": 7}]],
    }
    details = {"version": 1, "changed": changed}
    assert entries == [("journey_settings.update", "1", "olga", "owner", details)]

"""GetNextBestAction: what would be due and is not permitted now, why, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2 as words
from footfall.journey.v1 import settings_pb2
from tests.advising import all_of, asked, at, engaged
from tests.cataloguing import cap, update
from tests.journeying import Journey, Traveller
from tests.learning import ACCEPTED, EMAIL, FAILED, IGNORED, MEETING, VOICE, record
from tests.organisations import Organisation
from tests.tracking import upsert
from tests.travels import LEAD, ONBOARDING, make, track, troubles

Held = dict[words.Action.ValueType, pb.WithheldReason.ValueType]
TOKYO, UTC_ZONE = ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC")


@pytest.fixture
def owner(journey: Journey, acme: Organisation) -> Traveller:
    return journey.traveller(acme, "olga")


@pytest.fixture
def nils(caller: Traveller) -> str:
    """Due are e-mail, a voice message and a meeting."""
    make(caller, "nils")
    track(caller, *troubles("nils", 2, ONBOARDING))
    assert all_of(caller) == [MEETING, EMAIL, VOICE]
    return "nils"


def withheld(answer: pb.GetNextBestActionResponse) -> Held:
    return {one.action: one.reason for one in answer.withheld}


def around(zone: ZoneInfo) -> settings_pb2.QuietHours:
    """Two hours in the middle of which is now, by the clocks of the zone."""
    here = datetime.now(zone)
    minute = here.hour * 60 + here.minute
    return settings_pb2.QuietHours(from_minute=(minute - 60) % 1440, to_minute=(minute + 60) % 1440)


def test_who_wants_no_contact_gets_none(caller: Traveller, nils: str) -> None:
    upsert(caller, nils, do_not_contact=True)
    answer = asked(caller)
    assert withheld(answer) == dict.fromkeys(
        (MEETING, EMAIL, VOICE), pb.WITHHELD_REASON_DO_NOT_CONTACT
    )
    assert not any(one.HasField("until") for one in answer.withheld)
    assert not answer.HasField("action")
    assert (len(answer.alternatives), answer.decision_token) == (0, "")


def test_what_is_switched_off_is_told_and_not_recommended(
    caller: Traveller, owner: Traveller, nils: str
) -> None:
    rule = settings_pb2.ActionRule(
        action=EMAIL, enabled=False, channel=words.CHANNEL_EMAIL, reason="Write"
    )
    update(owner, actions=[rule])
    answer = asked(caller, nils)
    assert all_of(caller) == [MEETING, VOICE]
    assert withheld(answer) == {EMAIL: pb.WITHHELD_REASON_DISABLED}
    assert not answer.withheld[0].HasField("until")


@pytest.mark.parametrize("outcome", [IGNORED, FAILED])
def test_a_rejected_action_is_withheld_for_its_days(
    caller: Traveller, owner: Traveller, nils: str, outcome: pb.Outcome.ValueType
) -> None:
    record(caller, nils, MEETING, outcome)
    answer = asked(caller)
    assert all_of(caller) == [EMAIL, VOICE]
    assert withheld(answer) == {MEETING: pb.WITHHELD_REASON_COOLDOWN}
    until = at(answer.withheld[0].until) - at(answer.as_of)
    assert timedelta(days=13) < until <= timedelta(days=14)
    update(owner, cooldown_days=0)
    assert all_of(caller) == [MEETING, EMAIL, VOICE]


def test_neither_rest_nor_cap_is_forgotten_for_what_else_was_recorded(
    caller: Traveller, owner: Traveller, nils: str
) -> None:
    update(owner, caps=[cap(words.CHANNEL_VOICE, 1, 7)])
    record(caller, nils, EMAIL, IGNORED)
    record(caller, nils, VOICE, ACCEPTED)
    for _ in range(51):  # more than are kept of an action
        record(caller, nils, MEETING, ACCEPTED)
    assert withheld(asked(caller)) == {
        EMAIL: pb.WITHHELD_REASON_COOLDOWN,
        VOICE: pb.WITHHELD_REASON_CAP,
    }
    for _ in range(51):
        record(caller, nils, EMAIL, ACCEPTED)
    assert withheld(asked(caller))[EMAIL] == pb.WITHHELD_REASON_COOLDOWN


def test_a_cap_counts_what_was_recorded_on_its_channel(
    caller: Traveller, owner: Traveller, nils: str
) -> None:
    update(owner, caps=[cap(words.CHANNEL_EMAIL, 2, 7)], replace_caps=True)
    record(caller, nils, EMAIL, ACCEPTED)
    record(caller, nils, VOICE, ACCEPTED)
    assert all_of(caller) == [MEETING, EMAIL, VOICE]
    record(caller, nils, EMAIL, ACCEPTED)
    answer = asked(caller)
    assert withheld(answer) == {EMAIL: pb.WITHHELD_REASON_CAP}
    until = at(answer.withheld[0].until) - at(answer.as_of)
    assert timedelta(days=6) < until <= timedelta(days=7)
    assert at(answer.expires_at) - at(answer.as_of) == timedelta(days=1)


def test_a_cap_of_all_channels_withholds_all(
    caller: Traveller, owner: Traveller, nils: str
) -> None:
    update(owner, caps=[cap(words.CHANNEL_UNSPECIFIED, 1, 1)], replace_caps=True)
    record(caller, nils, VOICE, ACCEPTED)
    answer = asked(caller)
    assert set(withheld(answer).values()) == {pb.WITHHELD_REASON_CAP}
    assert len(answer.withheld) == 3
    assert answer.expires_at == min(
        (one.until for one in answer.withheld), key=lambda until: until.ToNanoseconds()
    )


@pytest.mark.parametrize("whose", ["client", "organisation"])
def test_email_and_voice_rest_by_night_where_the_client_is(
    caller: Traveller, owner: Traveller, acme: Organisation, nils: str, whose: str
) -> None:
    if whose == "client":
        upsert(caller, nils, time_zone="Asia/Tokyo")
    else:
        acme.set("time_zone", "Asia/Tokyo")
    hours = around(TOKYO)
    update(owner, quiet_hours=hours)
    answer = asked(caller)
    assert all_of(caller) == [MEETING]
    assert withheld(answer) == dict.fromkeys((EMAIL, VOICE), pb.WITHHELD_REASON_QUIET_HOURS)
    for one in answer.withheld:
        wall = at(one.until).astimezone(TOKYO)
        assert (wall.hour * 60 + wall.minute, wall.second) == (hours.to_minute, 0)
        assert timedelta(0) < at(one.until) - at(answer.as_of) <= timedelta(hours=1)
        assert answer.expires_at == one.until


def test_an_answer_expires_as_the_night_begins(caller: Traveller, owner: Traveller) -> None:
    engaged(caller, LEAD)
    here = datetime.now(UTC_ZONE)
    begins = (here.hour * 60 + here.minute + 120) % 1440
    hours: dict[str, Any] = {"from_minute": begins, "to_minute": (begins + 60) % 1440}
    update(owner, quiet_hours=settings_pb2.QuietHours(**hours))
    answer = asked(caller)
    assert all_of(caller) == [EMAIL]
    wall = at(answer.expires_at)
    assert (wall.hour * 60 + wall.minute, wall.second) == (begins, 0)
    assert timedelta(hours=1) < wall - at(answer.as_of) <= timedelta(hours=2)

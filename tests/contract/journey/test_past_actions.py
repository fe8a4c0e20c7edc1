"""GetNextBestAction as of a time: what it would have said then, from what is known of then."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2 as words
from tests.advising import all_of, asked, engaged
from tests.cataloguing import mail, refused, update
from tests.ingesting import at
from tests.journeying import Journey, Traveller
from tests.learning import EMAIL, IGNORED, MEETING, PERSON, VOICE, record
from tests.organisations import Organisation
from tests.tracking import journey_of, upsert
from tests.travels import (
    CHURN_RISK,
    DAY,
    HIGH,
    LATE_INVOICES,
    LEAD,
    LOW,
    LOW_ENGAGEMENT,
    MEDIUM,
    ONBOARDING,
    happening,
    make,
    relieved,
    track,
    troubles,
)

FIVE_DAYS_AGO = at(5 * DAY)


@pytest.fixture
def owner(journey: Journey, acme: Organisation) -> Traveller:
    return journey.traveller(acme, "olga")


def then(caller: Traveller, as_of: Timestamp = FIVE_DAYS_AGO) -> pb.GetNextBestActionResponse:
    """What it would have said of nils."""
    return asked(caller, as_of=as_of, max_results=25)


def test_events_count_up_to_then(caller: Traveller) -> None:
    make(caller, "nils")
    track(
        caller,
        *(happening("nils", "called", day, ONBOARDING) for day in (20, 19, 18)),
        happening("nils", "moved", 9, CHURN_RISK),
    )
    for days, stage, level, action in (
        (15, ONBOARDING, LOW, MEETING),
        (8, CHURN_RISK, HIGH, PERSON),
    ):
        answer = then(caller, at(days * DAY))
        assert (answer.stage, answer.risk_level) == (stage, level)
        assert answer.action.action == action


def test_an_event_counts_from_its_very_moment_on(caller: Traveller) -> None:
    make(caller, "nils")
    event = happening("nils", "moved", 9, ONBOARDING)
    track(caller, event, happening("nils", "called", 12, LEAD))
    micros = event.occurred_at.ToMicroseconds()
    found = []
    for moment in (micros - 1, micros):
        as_of = Timestamp()
        as_of.FromMicroseconds(moment)
        answer = then(caller, as_of)
        assert answer.as_of == as_of
        found.append(answer.stage)
    assert found == [LEAD, ONBOARDING]


def test_the_same_answer_as_then_though_the_risks_have_cleared(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 2, LEAD))
    before = then(caller)
    assert [one.risk for one in before.risks] == [LATE_INVOICES, LOW_ENGAGEMENT]
    assert before.risk_level == MEDIUM
    track(caller, *relieved("nils"), happening("nils", "called", 0.5, LEAD))
    assert list(asked(caller).risks) == []
    after = then(caller)
    for answer in (before, after):  # nobody told of what would come
        answer.ClearField("expires_at")
    assert after == before


def test_a_late_arrival_changes_the_past(caller: Traveller) -> None:
    engaged(caller, ONBOARDING)
    assert then(caller).stage == ONBOARDING
    track(caller, happening("nils", "moved", 6, CHURN_RISK))
    assert then(caller).stage == CHURN_RISK


def test_answers_about_the_past_are_not_to_be_acted_on(caller: Traveller) -> None:
    engaged(caller, ONBOARDING)
    answer = then(caller)
    assert answer.action.action == MEETING
    assert answer.decision_token == ""
    assert answer.as_of == FIVE_DAYS_AGO


def test_the_client_is_as_it_was(caller: Traveller) -> None:
    engaged(caller, ONBOARDING, ai_score=90, do_not_contact=True)
    assert (asked(caller).score, all_of(caller)) == (100, [])
    before_it_was_known = then(caller)
    assert before_it_was_known.score == 60
    assert before_it_was_known.action.action == MEETING


def test_the_version_of_a_client_that_held_then_counts(
    caller: Traveller, acme: Organisation
) -> None:
    engaged(caller, ONBOARDING, ai_score=90)
    acme.database.execute(
        "UPDATE app.client_versions SET valid_from = valid_from - interval '8 days'"
        " WHERE org_id = %s",
        acme.org_id,
    )
    upsert(caller, ai_score=10, do_not_contact=True)
    assert (then(caller).score, asked(caller).score) == (100, 20)
    assert then(caller, at(9 * DAY)).score == 60


def test_settings_count_as_they_were(caller: Traveller, owner: Traveller) -> None:
    engaged(caller, LEAD)
    update(owner, **mail("Write now"))
    now, before = asked(caller), then(caller)
    assert (now.action.reason, now.settings_version) == ("Write now", 1)
    assert before.action.reason == "Client needs re-engagement via email"
    assert before.settings_version == 0


def test_outcomes_count_up_to_then(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 2, ONBOARDING))
    record(caller, "nils", MEETING, IGNORED, occurred_at=at(7 * DAY))
    record(caller, "nils", EMAIL, IGNORED, occurred_at=at(3 * DAY))
    assert all_of(caller) == [VOICE]
    assert all_of(caller, as_of=FIVE_DAYS_AGO) == [EMAIL, VOICE]
    assert all_of(caller, as_of=at(8 * DAY)) == [MEETING, EMAIL, VOICE]


def test_signals_are_those_that_turned_last(caller: Traveller, acme: Organisation) -> None:
    engaged(caller, ONBOARDING)
    for days, uses in ((8, 3), (4, 30)):
        acme.database.execute(
            "INSERT INTO app.signal_turns (org_id, client_id, valid_from, feature_uses,"
            " feature_uses_p25) VALUES (%s, 'nils', now() - %s * interval '1 day', %s, 10)",
            acme.org_id,
            days,
            uses,
        )
    for days, low in ((3, False), (5, True), (9, False)):
        answer = then(caller, at(days * DAY))
        assert [one.risk for one in answer.risks] == ([words.RISK_LOW_FEATURE_USAGE] * low)
        assert answer.signals_available == (days < 9)
        assert not answer.HasField("signals_age_seconds")
        assert not answer.signals_stale


def test_a_little_ahead_is_now_as_clocks_differ(caller: Traveller) -> None:
    engaged(caller, ONBOARDING)
    ahead = at(-30.0)
    answer = asked(caller, as_of=ahead)
    assert answer.decision_token
    assert answer.as_of.ToNanoseconds() < ahead.ToNanoseconds()


def test_the_past_is_the_past_however_near(caller: Traveller) -> None:
    make(caller, "nils")
    track(
        caller,
        happening("nils", "moved", 40 / DAY, ONBOARDING),
        happening("nils", "moved", 20 / DAY, CHURN_RISK),
    )
    near = at(30)
    answer = then(caller, near)
    assert (answer.stage, answer.as_of, answer.decision_token) == (ONBOARDING, near, "")


def test_before_it_was_made_and_its_first_event_nothing_is_known(caller: Traveller) -> None:
    created_at = upsert(caller, ai_score=30).client.created_at
    before = Timestamp(seconds=created_at.seconds - 30, nanos=created_at.nanos)
    answer = then(caller, before)  # by a clock that differs
    assert (answer.as_of, answer.score, answer.stage) == (created_at, 30, LEAD)
    before.seconds -= 31
    for early in (before, FIVE_DAYS_AGO):
        assert refused(then, caller, early).code == grpc.StatusCode.NOT_FOUND
    track(caller, happening("nils", "called", 6, LEAD))
    assert then(caller).stage == LEAD
    assert refused(then, caller, at(7 * DAY)).code == grpc.StatusCode.NOT_FOUND


def test_a_client_that_was_made_later_is_a_lead_since_its_first_event(
    caller: Traveller,
) -> None:
    """As it is where its journey and its next stage are told."""
    make(caller, "nils")
    events = [happening("nils", "call", days, sentiment="positive") for days in (40, 39, 38)]
    track(caller, *events)
    journey = journey_of(caller, as_of=FIVE_DAYS_AGO)
    assert journey.stage_since == events[0].occurred_at
    answer = then(caller)
    assert answer.risks == journey.score_details.risks
    assert (answer.score, answer.stage) == (journey.score, journey.current_stage)


def test_nothing_is_said_of_the_future_nor_of_the_last_century(caller: Traveller) -> None:
    engaged(caller, ONBOARDING)
    long_ago = [datetime(1990, 1, 1, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)]
    too_old = [Timestamp(seconds=int(one.timestamp())) for one in long_ago]
    for wrong in (at(-DAY), *too_old, Timestamp(seconds=1 << 60), Timestamp(nanos=-1)):
        found = refused(asked, caller, as_of=wrong)
        assert found.code == grpc.StatusCode.INVALID_ARGUMENT
        assert list(found.violations) == ["as_of"]

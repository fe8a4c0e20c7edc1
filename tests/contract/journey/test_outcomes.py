"""RecordActionOutcome: the promises of actions.proto, one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import grpc
import pytest

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import clients_pb2
from footfall.journey.v1 import journey_pb2 as words
from services.journey.actions.rules.decision import PURPOSE, packed
from services.journey.journeys.rules.vocabulary import DAY as DAY_MICROS
from tests.cataloguing import cap, refused, update
from tests.journeying import Journey, Traveller
from tests.learning import (
    ACCEPTED,
    EMAIL,
    FAILED,
    IGNORED,
    MEETING,
    SUCCEEDED,
    VOICE,
    advised,
    ago,
    decision_of,
    numbers,
    order,
    record,
    report,
    tokens_of,
    worried,
)
from tests.organisations import Organisation

SECONDS_A_DAY = 86_400


@pytest.fixture
def client(caller: Traveller) -> str:
    """E-mail is to be sent to it, else a voice message."""
    worried(caller, "c1")
    return "c1"


def withheld(caller: Traveller, client_id: str) -> dict[words.Action.ValueType, tuple[int, int]]:
    """Why actions are not permitted, and until when, in seconds."""
    return {
        one.action: (one.reason, one.until.seconds) for one in advised(caller, client_id).withheld
    }


@pytest.mark.parametrize("outcome", [IGNORED, FAILED])
def test_a_rejected_action_rests_for_two_weeks(
    caller: Traveller, client: str, outcome: pb.Outcome.ValueType
) -> None:
    before = advised(caller, client)
    assert order(before) == [EMAIL, VOICE]
    done = ago(0)
    kept = record(caller, client, EMAIL, outcome, before.decision_token, occurred_at=done)
    assert kept.cooldown_until.seconds == done.seconds + 14 * SECONDS_A_DAY
    assert not kept.replaced
    after = advised(caller, client)
    assert order(after) == [VOICE]
    (held,) = after.withheld
    assert (held.action, held.reason) == (EMAIL, pb.WITHHELD_REASON_COOLDOWN)
    assert held.until == kept.cooldown_until


@pytest.mark.parametrize("outcome", [ACCEPTED, SUCCEEDED])
def test_an_action_that_was_taken_up_does_not_rest(
    caller: Traveller, client: str, outcome: pb.Outcome.ValueType
) -> None:
    kept = record(caller, client, EMAIL, outcome, advised(caller, client).decision_token)
    assert not kept.HasField("cooldown_until")
    assert order(advised(caller, client)) == [EMAIL, VOICE]


def test_the_rest_is_counted_from_when_it_was_done(caller: Traveller, client: str) -> None:
    kept = record(caller, client, EMAIL, IGNORED, occurred_at=ago(10))
    assert kept.cooldown_until.seconds == pytest.approx(ago(-4).seconds, abs=60)
    kept = record(caller, client, VOICE, IGNORED, occurred_at=ago(15))
    assert not kept.HasField("cooldown_until")
    assert order(advised(caller, client)) == [VOICE]


def test_an_outcome_told_late_does_not_hide_a_newer_one(caller: Traveller, client: str) -> None:
    rests = record(caller, client, EMAIL, FAILED, occurred_at=ago(1)).cooldown_until
    kept = record(caller, client, EMAIL, ACCEPTED, occurred_at=ago(3))
    assert kept.cooldown_until == rests
    assert order(advised(caller, client)) == [VOICE]


def test_the_organisation_says_how_long_an_action_rests(
    journey: Journey, acme: Organisation, caller: Traveller, client: str
) -> None:
    update(journey.traveller(acme, "olga"), cooldown_days=0)
    assert not record(caller, client, EMAIL, IGNORED).HasField("cooldown_until")
    assert order(advised(caller, client)) == [EMAIL, VOICE]


def test_recorded_outcomes_fill_a_cap(
    journey: Journey, acme: Organisation, caller: Traveller, client: str
) -> None:
    """By the channel of the action, with a decision and without."""
    limit = cap(words.CHANNEL_EMAIL, 2, 7)
    update(journey.traveller(acme, "olga"), caps=[limit], replace_caps=True)
    record(caller, client, EMAIL, ACCEPTED, occurred_at=ago(8))
    record(caller, client, EMAIL, ACCEPTED, advised(caller, client).decision_token)
    assert order(advised(caller, client)) == [EMAIL, VOICE]
    survey = words.ACTION_TRIGGER_SATISFACTION_SURVEY
    first = ago(3)
    record(caller, client, survey, SUCCEEDED, occurred_at=first)
    assert order(advised(caller, client)) == [VOICE]
    until = first.seconds + 7 * SECONDS_A_DAY
    assert withheld(caller, client) == {EMAIL: (pb.WITHHELD_REASON_CAP, until)}


def test_the_last_outcome_of_a_decision_counts(caller: Traveller, client: str) -> None:
    """It takes the place of the one before, in what is kept and in what is counted."""
    token = advised(caller, client).decision_token
    first = record(caller, client, EMAIL, IGNORED, token, occurred_at=ago(1))
    assert first.HasField("cooldown_until")
    assert numbers(caller) == {EMAIL: (0, 1, 0, 0)}
    second = record(caller, client, EMAIL, SUCCEEDED, token)
    assert (second.outcome_id, second.replaced) == (first.outcome_id, True)
    assert not second.HasField("cooldown_until")
    assert numbers(caller) == {EMAIL: (0, 0, 1, 0)}
    assert order(advised(caller, client)) == [EMAIL, VOICE]


def test_other_actions_of_a_decision_count_beside_each_other(
    caller: Traveller, client: str
) -> None:
    token = advised(caller, client).decision_token
    first = record(caller, client, EMAIL, ACCEPTED, token)
    second = record(caller, client, VOICE, FAILED, token)
    assert first.outcome_id != second.outcome_id
    assert not second.replaced
    assert numbers(caller) == {EMAIL: (1, 0, 0, 0), VOICE: (0, 0, 0, 1)}


def test_without_a_decision_each_call_tells_of_something_else(
    caller: Traveller, client: str
) -> None:
    """Also of what was not recommended: caps and the ranking learn of it."""
    ids = {record(caller, client, MEETING, ACCEPTED).outcome_id for _ in range(3)}
    assert len(ids) == 3
    assert numbers(caller) == {MEETING: (3, 0, 0, 0)}


def test_a_repeat_is_answered_as_before_and_counted_once(caller: Traveller, client: str) -> None:
    request_id = str(uuid4())
    first = record(caller, client, EMAIL, FAILED, request_id=request_id)
    assert record(caller, client, EMAIL, FAILED, request_id=request_id) == first
    assert numbers(caller) == {EMAIL: (0, 0, 0, 1)}
    answer = refused(record, caller, client, EMAIL, ACCEPTED, request_id=request_id)
    assert (answer.code, answer.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_what_the_decision_said_is_kept_with_the_outcome(
    acme: Organisation, caller: Traveller, client: str
) -> None:
    token = advised(caller, client).decision_token
    kept = record(caller, client, VOICE, ACCEPTED, token, note="rang twice")
    decision = decision_of(acme, token)
    (row,) = acme.database.execute(
        "SELECT outcome_id::text, client_id, action, channel, outcome, arm, rank, propensity,"
        " rules_action, policy_version, settings_version, seed, note, recorded_by,"
        " decided_at <= occurred_at FROM app.action_outcomes WHERE org_id = %s",
        acme.org_id,
    )
    asked = (kept.outcome_id, client, VOICE, words.CHANNEL_VOICE, ACCEPTED)
    decided = (2, 2, 0.0, EMAIL, 0, 0, decision.seed)
    assert row == (*asked, *decided, "rang twice", "backend", True)


def test_times_must_be_of_the_last_ninety_days(caller: Traveller, client: str) -> None:
    record(caller, client, EMAIL, ACCEPTED, occurred_at=ago(89.9))
    for days, told in ((-1, "future"), (91, "90 days ago")):
        answer = refused(record, caller, client, EMAIL, ACCEPTED, occurred_at=ago(days))
        assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
        assert told in answer.violations["occurred_at"]


def test_a_damaged_token_is_refused(caller: Traveller, client: str) -> None:
    token = advised(caller, client).decision_token
    turned = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    for bad in (turned, token[:-4], "no token"):
        answer = refused(record, caller, client, EMAIL, ACCEPTED, bad)
        assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "damaged" in answer.violations["decision_token"]
    assert numbers(caller) == {}


def test_a_token_of_another_organisation_is_refused(
    journey: Journey, globex: Organisation, caller: Traveller, client: str
) -> None:
    stranger = journey.traveller(globex)
    worried(stranger, client)
    token = advised(stranger, client).decision_token
    answer = refused(record, caller, client, EMAIL, ACCEPTED, token)
    assert "another organisation" in answer.violations["decision_token"]


def test_a_token_of_another_client_is_refused(caller: Traveller, client: str) -> None:
    worried(caller, "c2")
    token = advised(caller, "c2").decision_token
    answer = refused(record, caller, client, EMAIL, ACCEPTED, token)
    assert "another client" in answer.violations["decision_token"]


def test_an_action_that_was_not_recommended_is_refused(caller: Traveller, client: str) -> None:
    token = advised(caller, client).decision_token
    answer = refused(record, caller, client, MEETING, ACCEPTED, token)
    assert "not recommended" in answer.violations["action"]


def test_a_token_is_taken_for_ninety_days(
    acme: Organisation, caller: Traveller, client: str
) -> None:
    decision = decision_of(acme, advised(caller, client).decision_token)

    def of_age(days: float) -> str:
        made = replace(decision, made_at=decision.made_at - int(days * DAY_MICROS))
        return tokens_of(acme).seal_for(PURPOSE, acme.org_id, packed(made))

    record(caller, client, EMAIL, ACCEPTED, of_age(89.9))
    answer = refused(record, caller, client, EMAIL, ACCEPTED, of_age(90.1))
    assert "older than 90 days" in answer.violations["decision_token"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"action": 0, "outcome": ACCEPTED}, "action"),
        ({"action": EMAIL, "outcome": 0}, "outcome"),
        ({"action": 99, "outcome": ACCEPTED}, "action"),
        ({"action": EMAIL, "outcome": 99}, "outcome"),
    ],
)
def test_what_was_done_and_what_came_of_it_must_be_said(
    caller: Traveller, client: str, fields: dict[str, int], named: str
) -> None:
    answer = refused(record, caller, client, **fields)
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert named in answer.violations


def test_an_unknown_client_and_one_of_another_organisation_are_not_found(
    journey: Journey, globex: Organisation, caller: Traveller
) -> None:
    worried(journey.traveller(globex), "theirs")
    for client_id in ("nobody", "theirs"):
        answer = refused(record, caller, client_id, EMAIL, ACCEPTED)
        assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def test_members_record_outcomes_too(
    journey: Journey, acme: Organisation, caller: Traveller, client: str
) -> None:
    record(journey.traveller(acme, "mia"), client, EMAIL, ACCEPTED)
    assert numbers(caller) == {EMAIL: (1, 0, 0, 0)}


def test_numbers_stay_when_a_client_is_deleted(
    acme: Organisation, caller: Traveller, client: str
) -> None:
    record(caller, client, EMAIL, ACCEPTED, advised(caller, client).decision_token)
    caller.call("DeleteClient", clients_pb2.DeleteClientRequest(client_id=client))
    assert numbers(caller) == {EMAIL: (1, 0, 0, 0)}
    left = "SELECT count(*) FROM app.action_outcomes WHERE org_id = %s"
    assert acme.database.execute(left, acme.org_id) == [(0,)]


def test_the_report_counts_so_many_days(caller: Traveller, client: str) -> None:
    record(caller, client, EMAIL, ACCEPTED)
    record(caller, client, EMAIL, FAILED, occurred_at=ago(40))
    by_days = {days: report(caller, days).actions[0].outcomes for days in (0, 1, 30, 42, 365)}
    assert by_days == {0: 2, 1: 1, 30: 1, 42: 2, 365: 2}


def test_outcomes_at_once_neither_lock_each_other_nor_are_lost(caller: Traveller) -> None:
    """Of many clients into the same cells, and moved between days in opposite directions."""
    clients = [f"c{number}" for number in range(8)]
    worried(caller, *clients)
    tokens = {one: advised(caller, one).decision_token for one in clients}

    def tell(client_id: str) -> None:
        first, second = (0, 3) if int(client_id[1:]) % 2 else (3, 0)
        for _ in range(6):
            record(caller, client_id, EMAIL, IGNORED, tokens[client_id], occurred_at=ago(first))
            record(caller, client_id, VOICE, SUCCEEDED, tokens[client_id], occurred_at=ago(second))
            record(caller, client_id, EMAIL, ACCEPTED, tokens[client_id], occurred_at=ago(second))
            record(caller, client_id, VOICE, FAILED)

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(tell, clients))
    assert numbers(caller) == {EMAIL: (8, 0, 0, 0), VOICE: (0, 0, 8, 48)}

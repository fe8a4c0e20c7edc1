"""GetNextBestAction: the promises of actions.proto, and defects that must not come back."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import count
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import journey_pb2 as words
from services.journey.learning.rules.policy import held_out
from tests.advising import all_of, asked, at, engaged, signalled
from tests.cataloguing import mail, refused, update
from tests.ingesting import at as ago_seconds
from tests.journeying import Journey, Traveller, running_journey
from tests.learning import EMAIL, MEETING, PACK, PERSON, VOICE
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.travels import (
    ACTIVE_PROJECT,
    BILLING,
    CHURN_RISK,
    CRITICAL,
    DAY,
    HIGH,
    LATE_INVOICES,
    LEAD,
    LOW,
    LOW_ENGAGEMENT,
    LOW_USAGE,
    MEDIUM,
    ONBOARDING,
    RETENTION,
    SENTIMENT,
    SLOW_PROJECT,
    TICKETS,
    UPSELL_CANDIDATE,
    happening,
    make,
    relieved,
    track,
    troubles,
)

QUALIFIED_LEAD, AWAITING_FEEDBACK = 2, 5
SURVEY = words.ACTION_TRIGGER_SATISFACTION_SURVEY


@pytest.fixture
def owner(journey: Journey, acme: Organisation) -> Traveller:
    return journey.traveller(acme, "olga")


STAGES = {
    LEAD: [EMAIL],
    QUALIFIED_LEAD: [EMAIL],
    ONBOARDING: [MEETING],
    ACTIVE_PROJECT: [],
    AWAITING_FEEDBACK: [SURVEY],
    BILLING: [],
    RETENTION: [],
    UPSELL_CANDIDATE: [PACK],
    CHURN_RISK: [PERSON],
}


@pytest.mark.parametrize("stage", STAGES, ids=words.Stage.Name)
def test_each_stage_calls_for_its_action(caller: Traveller, stage: int) -> None:
    first = engaged(caller, stage)
    answer = asked(caller)
    assert (answer.stage, list(answer.risks)) == (stage, [])
    assert answer.risk_level == (HIGH if stage == CHURN_RISK else LOW)
    assert all_of(caller) == STAGES[stage]
    if not STAGES[stage]:
        assert not answer.HasField("action")
        assert answer.decision_token == ""
        return
    best = answer.action
    assert (best.called_for_by_stage, list(best.risks), best.rank) == (True, [], 1)
    since = at(first.occurred_at).date().isoformat()
    assert list(best.evidence) == [f"In {words.Stage.Name(stage)[6:].lower()} since {since}"]  # type: ignore[arg-type]


def trouble(kind: int, acme: Organisation) -> list[words.JourneyEvent]:
    """What makes an engaged client in billing have this risk alone."""
    if kind == LOW_USAGE:
        signalled(acme, 3, 10, hours_ago=1)
    told = {
        LATE_INVOICES: [happening("nils", "invoice_overdue", 9, invoice_id="i1")],
        SENTIMENT: [
            happening("nils", "wrote", day, BILLING, sentiment="negative") for day in (9, 8)
        ],
        SLOW_PROJECT: [happening("nils", "began", 40, ACTIVE_PROJECT)],
        TICKETS: [
            happening("nils", "support_ticket_opened", 9, ticket_id=f"t{number}")
            for number in range(3)
        ],
    }
    return told.get(kind, [])


RISKS = {
    LOW_ENGAGEMENT: VOICE,
    LATE_INVOICES: EMAIL,
    SLOW_PROJECT: MEETING,
    SENTIMENT: PERSON,
    LOW_USAGE: MEETING,
    TICKETS: PERSON,
}


@pytest.mark.parametrize("risk", RISKS, ids=words.Risk.Name)
def test_each_risk_calls_for_its_action(caller: Traveller, acme: Organisation, risk: int) -> None:
    make(caller, "nils")
    days = (40,) if risk == LOW_ENGAGEMENT else (12, 11, 10)
    stage = ACTIVE_PROJECT if risk == SLOW_PROJECT else BILLING
    track(caller, *trouble(risk, acme), *(happening("nils", "called", day, stage) for day in days))
    answer = asked(caller)
    (found,) = answer.risks
    assert (found.risk, answer.risk_level, answer.score) == (risk, LOW, 50 + 5 * (stage - 1) - 10)
    assert all_of(caller) == [RISKS[risk]]
    best = answer.action
    assert list(best.evidence) == [found.evidence]
    assert found.evidence
    assert (list(best.risks), best.called_for_by_stage) == ([risk], False)
    assert best.priority == words.PRIORITY_LOW


def test_a_high_risk_lead_is_rescued_before_it_is_mailed(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 3, LEAD))
    answer = asked(caller)
    assert (answer.risk_level, answer.action.action) == (HIGH, PERSON)
    assert answer.action.priority == words.PRIORITY_HIGH


def test_at_high_what_risks_call_for_comes_before_what_the_stage_does(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 3, ONBOARDING))
    assert all_of(caller) == [PERSON, EMAIL, VOICE, MEETING]


def test_below_high_what_the_stage_calls_for_comes_first(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 2, ONBOARDING))
    answer = asked(caller)
    assert answer.risk_level == MEDIUM
    assert all_of(caller) == [MEETING, EMAIL, VOICE]
    assert answer.action.priority == words.PRIORITY_MEDIUM


def test_critical_is_reachable_and_urgent(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 4, ONBOARDING))
    answer = asked(caller)
    assert answer.risk_level == CRITICAL
    best = answer.action
    assert (best.action, best.priority) == (PERSON, words.PRIORITY_URGENT)
    assert list(best.risks) == [SENTIMENT, TICKETS]
    assert list(best.evidence) == [one.evidence for one in answer.risks[:2]]
    assert best.reason == "CRITICAL risk detected - personal intervention needed"
    assert {one.priority for one in answer.alternatives} == {words.PRIORITY_URGENT}


def test_an_action_that_stage_and_risk_call_for_is_told_once_with_both(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 2, LEAD))
    answer = asked(caller)
    assert all_of(caller) == [EMAIL, VOICE]
    assert answer.action.called_for_by_stage
    assert list(answer.action.risks) == [LATE_INVOICES]
    assert [text.split()[0] for text in answer.action.evidence] == ["1", "In"]


def test_a_risk_that_cleared_calls_for_nothing(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 2, BILLING))
    assert all_of(caller) == [EMAIL, VOICE]
    track(caller, *relieved("nils"), happening("nils", "called", 0.5, BILLING))
    assert all_of(caller) == []


def test_an_ai_score_of_0_is_not_the_same_as_none(caller: Traveller) -> None:
    make(caller, "zero", ai_score=0)
    make(caller, "none")
    assert (asked(caller, "zero").score, asked(caller, "none").score) == (0, 50)


def test_a_score_ends_at_100(caller: Traveller) -> None:
    engaged(caller, UPSELL_CANDIDATE, ai_score=99)
    assert asked(caller).score == 100


def test_only_the_current_stage_calls_for_actions(caller: Traveller) -> None:
    make(caller, "nils")
    moves = (CHURN_RISK, UPSELL_CANDIDATE, RETENTION)
    track(caller, *(happening("nils", "moved", 9 - place, to) for place, to in enumerate(moves)))
    answer = asked(caller)
    assert (answer.stage, answer.risk_level, all_of(caller)) == (RETENTION, LOW, [])


def test_a_new_client_is_a_lead_without_risks(caller: Traveller) -> None:
    make(caller, "nils")
    answer = asked(caller)
    assert (answer.stage, answer.risk_level, list(answer.risks)) == (LEAD, LOW, [])
    assert answer.action.action == EMAIL


def test_three_are_told_unless_the_caller_wants_more_or_less(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 3, ONBOARDING))
    for most, told in ((0, 3), (1, 1), (2, 2), (4, 4), (25, 4)):
        answer = asked(caller, max_results=most)
        shown = (answer.action, *answer.alternatives)
        assert [one.rank for one in shown] == list(range(1, told + 1))
    for most in (26, -1):
        wrong = refused(asked, caller, max_results=most)
        assert (wrong.code, list(wrong.violations)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            ["max_results"],
        )


def test_without_outcomes_the_effect_is_the_guess_of_the_rules(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 2, ONBOARDING))
    answer = asked(caller)
    assert (answer.policy_version, answer.settings_version) == (0, 0)
    shown = (answer.action, *answer.alternatives)
    assert [one.propensity for one in shown] == [1, 0, 0]
    for one in shown:
        effect = one.expected_effect
        assert 0 < effect.lower < effect.mean < effect.upper < 1
        assert effect.outcomes == 0
    means = [one.expected_effect.mean for one in shown]
    assert means == sorted(means, reverse=True)


def test_the_same_question_gets_the_same_answer(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *troubles("nils", 4, ONBOARDING))
    first, second = (asked(caller, max_results=25) for _ in range(2))
    for answer in (first, second):
        for field in ("as_of", "expires_at", "decision_token"):
            answer.ClearField(field)
    assert first == second


def test_the_reason_is_the_settings_sentence_about_this_client(
    caller: Traveller, owner: Traveller
) -> None:
    update(owner, **mail("To a {stage} at {level}: {risks}. {stage}!"))
    engaged(caller, LEAD, "calm")
    make(caller, "worried")
    track(caller, *troubles("worried", 2, LEAD))
    assert asked(caller, "calm").action.reason == "To a lead at LOW: none. lead!"
    answer = asked(caller, "worried")
    reason = "To a lead at MEDIUM: late_invoices, low_engagement. lead!"
    assert answer.action.reason == reason
    assert answer.settings_version == 1


def test_a_member_may_ask(journey: Journey, caller: Traveller, acme: Organisation) -> None:
    engaged(caller, ONBOARDING)
    assert all_of(journey.traveller(acme, "mia")) == [MEETING]


def test_nobody_learns_of_clients_of_another_organisation(
    journey: Journey, caller: Traveller, globex: Organisation
) -> None:
    engaged(caller, ONBOARDING)
    for stranger, client in ((journey.traveller(globex), "nils"), (caller, "nobody")):
        for request in ({}, {"as_of": ago_seconds(3 * DAY)}):
            wrong = refused(asked, stranger, client, **request)
            assert (wrong.code, wrong.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


def test_who_is_held_out_is_told_so(caller: Traveller, acme: Organisation) -> None:
    names = (f"client-{number}" for number in count())
    apart, other = (
        next(one for one in names if held_out(acme.org_id, one, 5) is wanted)
        for wanted in (True, False)
    )
    make(caller, apart, other)
    assert (asked(caller, apart).held_out, asked(caller, other).held_out) == (True, False)


def test_signals_are_told_with_their_age(caller: Traveller, acme: Organisation) -> None:
    make(caller, "unknown", "fresh", "old")
    signalled(acme, 3, None, hours_ago=23, client="fresh")
    signalled(acme, 3, None, hours_ago=25, client="old")
    unknown, fresh, old = (asked(caller, one) for one in ("unknown", "fresh", "old"))
    assert (unknown.signals_available, unknown.signals_stale) == (False, False)
    assert not unknown.HasField("signals_age_seconds")
    assert (fresh.signals_available, fresh.signals_stale) == (True, False)
    assert (old.signals_available, old.signals_stale) == (True, True)
    assert fresh.signals_age_seconds == pytest.approx(23 * 3600, abs=300)
    assert at(fresh.expires_at) - at(fresh.as_of) == pytest.approx(
        timedelta(hours=1), abs=timedelta(minutes=5)
    )


def test_an_answer_expires_when_the_settings_say_so(caller: Traveller, owner: Traveller) -> None:
    make(caller, "nils")
    answer = asked(caller)
    assert at(answer.expires_at) - at(answer.as_of) == timedelta(days=1)
    update(owner, expiry_minutes=5)
    answer = asked(caller)
    assert at(answer.expires_at) - at(answer.as_of) == timedelta(minutes=5)


def test_an_answer_expires_when_time_changes_it(caller: Traveller) -> None:
    make(caller, "nils")
    track(caller, *(happening("nils", "called", 29.5, ONBOARDING) for _ in range(3)))
    answer = asked(caller)
    assert list(answer.risks) == []
    assert at(answer.expires_at) - at(answer.as_of) == pytest.approx(
        timedelta(hours=12), abs=timedelta(minutes=5)
    )


def test_an_event_told_ahead_counts_from_its_time_on(caller: Traveller) -> None:
    make(caller, "nils")
    ahead = happening("nils", "moved", -2 / DAY, CHURN_RISK)
    track(caller, ahead)
    answer = asked(caller)
    if answer.stage == LEAD:  # else two seconds have passed
        assert answer.expires_at == ahead.occurred_at
    while answer.stage == LEAD:
        assert time.time() < ahead.occurred_at.ToNanoseconds() / 1e9 + 10
        time.sleep(0.05)
        answer = asked(caller)
    assert (answer.stage, answer.risk_level, answer.action.action) == (CHURN_RISK, HIGH, PERSON)
    assert at(answer.as_of) >= at(ahead.occurred_at)


def test_a_token_that_was_altered_is_refused(caller: Traveller) -> None:
    engaged(caller, ONBOARDING)
    token = asked(caller).decision_token
    assert 100 < len(token) <= 1500
    altered = ("B" if token[0] == "A" else "A") + token[1:]
    request = pb.RecordActionOutcomeRequest(
        client_id="nils", action=MEETING, outcome=pb.OUTCOME_ACCEPTED, decision_token=altered
    )
    wrong = refused(caller.call, "RecordActionOutcome", request)
    assert wrong.code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("as_of_days_ago", [0, 3])
def test_asking_writes_nothing(database: MigratedDatabase, as_of_days_ago: float) -> None:
    """Nor could it: here the login of the service may only read."""
    organisation = add_organisation(database)
    request: dict[str, Any] = {}
    if as_of_days_ago:
        request["as_of"] = ago_seconds(as_of_days_ago * DAY)
    with running_journey(database) as journey:
        caller = journey.traveller(organisation)
        make(caller, "nils")
        track(caller, *troubles("nils", 4, ONBOARDING))
        before = asked(caller, **request)
        journey.stop()
        name = database.execute("SELECT current_database()")[0][0]
        only_here = f"ALTER ROLE footfall_journey IN DATABASE {name}"
        database.execute(f"{only_here} SET default_transaction_read_only = on", login=None)
        journey.start()
        with pytest.raises(grpc.RpcError):
            make(caller, "another")
        after = asked(caller, **request)
    assert (after.risk_level, after.action) == (before.risk_level, before.action)

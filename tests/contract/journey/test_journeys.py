"""GetClientJourney and CalculateJourneyScore: what follows from events, now and in the past."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import journey_pb2 as words
from footfall.journey.v1 import tracking_pb2 as pb
from tests.cataloguing import update
from tests.ingesting import at, new_id
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.tracking import (
    calculated,
    get,
    journey_of,
    listed,
    path,
    refused,
    risks,
    told,
    track_one,
    upsert,
    verdicts,
)
from tests.travels import (
    ACTIVE_PROJECT,
    BILLING,
    CHURN_RISK,
    DAY,
    LATE_INVOICES,
    LEAD,
    ONBOARDING,
    RETENTION,
    happening,
    track,
    troubles,
)


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def score_of(found: words.Score) -> float:
    """The score that its parts sum to, and that it says it is."""
    assert sum(one.points for one in found.contributions) == found.score
    return found.score


class TestNow:
    def test_of_a_new_client(self, caller: Traveller) -> None:
        created_at = upsert(caller, ai_score=30).client.created_at
        journey = journey_of(caller)
        assert (journey.current_stage, journey.stage_since) == (LEAD, created_at)
        assert [*journey.events, *journey.stages, *journey.time_in_stages] == []
        assert (journey.score, score_of(journey.score_details)) == (30, 30)
        assert journey.total_events == 0
        assert journey.as_of.ToNanoseconds() >= created_at.ToNanoseconds()

    def test_all_that_events_say(self, caller: Traveller) -> None:
        upsert(caller, ai_score=40)
        way = [
            happening("nils", "moved", 10, LEAD),
            happening("nils", "moved", 9, ONBOARDING),
            happening("nils", "called", 8, ONBOARDING),
            happening("nils", "moved", 5, LEAD),
            happening("nils", "moved", 3, ONBOARDING),
            happening("nils", "invoice_overdue", 2, invoice_id="i1"),
        ]
        random.Random(1).shuffle(shuffled := [*way])
        track(caller, *shuffled)
        journey = journey_of(caller)
        assert told(journey) == [one.event_id for one in way]
        assert [one.event for one in journey.events] == way
        assert path(journey) == [LEAD, ONBOARDING, LEAD, ONBOARDING]
        assert journey.current_stage == ONBOARDING
        assert journey.stage_since == journey.stages[-1].entered_at == way[4].occurred_at
        assert journey.stages[1].left_at == journey.stages[2].entered_at == way[3].occurred_at
        assert not journey.stages[-1].HasField("left_at")
        days = {one.stage: one.seconds / DAY for one in journey.time_in_stages}
        assert days == pytest.approx({LEAD: 3, ONBOARDING: 7}, abs=0.01)
        assert {one.stage: one.visits for one in journey.time_in_stages} == {LEAD: 2, ONBOARDING: 2}
        assert sum(one.seconds for one in journey.stages) == pytest.approx(10 * DAY, abs=900)
        assert risks(journey.score_details.risks) == [LATE_INVOICES]
        assert journey.score == score_of(journey.score_details) == 40 + 10 - 10
        assert journey.total_events == len(way)

    def test_pages_are_of_one_journey(self, caller: Traveller) -> None:
        upsert(caller)
        same = at(DAY)
        sent = [happening("nils", "called", 2 - number / 10, ONBOARDING) for number in range(7)]
        for _ in range(4):
            sent.append(one := happening("nils", "called", 1, ONBOARDING))
            one.occurred_at.CopyFrom(same)
        track(caller, *sent)
        ordered = [
            one.event_id
            for one in sorted(sent, key=lambda one: (one.occurred_at.ToNanoseconds(), one.event_id))
        ]
        for size in (1, 3, 11, 1_000):
            assert told(journey_of(caller, size=size)) == ordered

    def test_what_comes_later_is_on_no_later_page(self, caller: Traveller) -> None:
        upsert(caller)
        track(caller, *(happening("nils", "called", ago, ONBOARDING) for ago in (3, 2, 1)))
        request = pb.GetClientJourneyRequest(client_id="nils", page_size=2)
        first = caller.call("GetClientJourney", request)
        track(caller, happening("nils", "moved", -0.0001, BILLING), happening("nils", "x", 0, LEAD))
        request.page_token = first.next_page_token
        second = caller.call("GetClientJourney", request)
        assert len(second.events) == 1
        assert not second.next_page_token
        assert (second.as_of, second.total_events) == (first.as_of, 3)
        assert second.current_stage == ONBOARDING

    def test_the_latest_200_visits(self, caller: Traveller) -> None:
        upsert(caller)
        track(
            caller,
            *(
                happening("nils", "moved", 300 - number, LEAD if number % 2 else ONBOARDING)
                for number in range(250)
            ),
        )
        journey = journey_of(caller, size=1_000)
        assert len(journey.stages) == 200
        assert journey.stages[-1].entered_at == journey.events[-1].event.occurred_at
        assert sum(one.visits for one in journey.time_in_stages) == 250
        assert [one.unusual for one in journey.events] == [bool(n % 2) for n in range(250)]
        whole = journey_of(caller, as_of=journey.as_of, size=1_000)
        for field in ("stages", "time_in_stages", "events", "stage_since"):
            assert getattr(whole, field) == getattr(journey, field)

    def test_an_unknown_client_is_not_found(self, caller: Traveller) -> None:
        for act in (journey_of, calculated, get):
            error = refused(act, caller)
            assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


class TestLate:
    def test_the_past_and_what_followed_change(self, caller: Traveller) -> None:
        upsert(caller)
        track(caller, happening("nils", "moved", 9, LEAD), happening("nils", "moved", 2, BILLING))
        track(caller, happening("nils", "moved", 5, CHURN_RISK))
        journey = journey_of(caller)
        assert path(journey) == [LEAD, CHURN_RISK, BILLING]
        assert journey.current_stage == BILLING
        assert [one.unusual for one in journey.stages] == [False, False, True]

    def test_a_late_payment_was_no_payment_of_what_came_after(self, caller: Traveller) -> None:
        upsert(caller)
        track(caller, happening("nils", "invoice_overdue", 3, invoice_id=7))
        track(caller, happening("nils", "invoice_paid", 4, invoice_id=7))
        assert risks(calculated(caller).risks) == [LATE_INVOICES]
        track(caller, happening("nils", "invoice_paid", 2, invoice_id="7"))
        assert not calculated(caller).risks

    @pytest.mark.parametrize("invoice", [1234567890123456789.0, 2.0**63, 1e22, 0.1, "F" * 9_999])
    def test_a_payment_is_known_by_its_invoice_before_and_after_it_was_kept(
        self, caller: Traveller, invoice: float | str
    ) -> None:
        """Of a number that is kept fewer digits are known; a late event has all read again."""
        upsert(caller)
        track(caller, happening("nils", "invoice_overdue", 4, invoice_id=invoice))
        track(caller, happening("nils", "called", 5, ONBOARDING))
        assert risks(calculated(caller).risks) == [LATE_INVOICES]
        track(caller, happening("nils", "invoice_paid", 3, invoice_id=invoice))
        assert not calculated(caller).risks
        track(caller, happening("nils", "called", 5, ONBOARDING))
        assert not calculated(caller).risks

    def test_the_order_of_arrival_does_not_matter(self, caller: Traveller) -> None:
        """One by one, backwards, and all at once."""
        chance = random.Random(7)
        sent = troubles("a", 4, ACTIVE_PROJECT)
        sent += [happening("a", "moved", chance.uniform(1, 50), stage) for stage in range(1, 10)]
        orders = {
            "a": sorted(sent, key=lambda one: one.occurred_at.ToNanoseconds()),
            "b": sorted(sent, key=lambda one: -one.occurred_at.ToNanoseconds()),
            "c": chance.sample(sent, len(sent)),
        }
        for client_id, events in orders.items():
            upsert(caller, client_id)
            for one in events:
                copy = words.JourneyEvent()
                copy.CopyFrom(one)
                copy.client_id, copy.event_id = client_id, new_id()
                track_one(caller, copy)
        journeys = [journey_of(caller, client_id) for client_id in orders]
        assert len({tuple(path(one)) for one in journeys}) == 1
        assert len({tuple(str(risk) for risk in one.score_details.risks) for one in journeys}) == 1
        assert len({one.score for one in journeys}) == 1


class TestAhead:
    def test_what_is_told_ahead_counts_when_its_time_comes(
        self, caller: Traveller, acme: Organisation
    ) -> None:
        upsert(caller)
        track(caller, happening("nils", "moved", 1, ONBOARDING))
        ahead = happening("nils", "moved", -6 / DAY, BILLING)
        answer = track_one(caller, ahead)
        assert (answer.current_stage, answer.unusual) == (ONBOARDING, False)
        early = journey_of(caller)
        if early.as_of.ToNanoseconds() < ahead.occurred_at.ToNanoseconds():
            assert (path(early), early.total_events, len(early.events)) == ([ONBOARDING], 1, 1)
        wait_until(lambda: journey_of(caller).current_stage == BILLING)
        journey = journey_of(caller)
        assert path(journey) == [ONBOARDING, BILLING]
        assert [one.unusual for one in journey.events] == [False, True]
        assert (journey.stage_since, journey.total_events) == (ahead.occurred_at, 2)
        assert (journey.score, get(caller).standing.score) == (75, 75)
        assert _kept_stages(acme) == [(ONBOARDING,)], "reading writes nothing"
        assert calculated(caller).score == 75
        assert _kept_stages(acme) == [(BILLING,)]
        assert path(journey_of(caller)) == [ONBOARDING, BILLING]

    def test_the_next_event_takes_what_waited_along(self, caller: Traveller) -> None:
        upsert(caller)
        track(
            caller,
            happening("nils", "moved", 1, ONBOARDING),
            happening("nils", "moved", -2 / DAY, BILLING),
            happening("nils", "moved", -0.9, RETENTION),
        )
        wait_until(lambda: journey_of(caller).current_stage == BILLING)
        track(caller, happening("nils", "moved", 0, CHURN_RISK))
        journey = journey_of(caller)
        assert path(journey) == [ONBOARDING, BILLING, CHURN_RISK]
        track(caller, happening("nils", "moved", 0.5, ACTIVE_PROJECT))
        assert path(journey_of(caller)) == [ONBOARDING, ACTIVE_PROJECT, BILLING, CHURN_RISK]


def test_no_writes_on_read(caller: Traveller, acme: Organisation) -> None:
    """Neither of what changed, nor of what time has changed since."""
    upsert(caller)
    track(caller, *troubles("nils", 3), happening("nils", "moved", -1 / DAY, BILLING))
    wait_until(lambda: journey_of(caller).current_stage == BILLING)
    tables = ("clients", "client_states", "stage_visits", "journey_events", "journey_changes")
    queries = [f"SELECT xmin::text, t.* FROM app.{one} AS t WHERE org_id = %s" for one in tables]
    before = [acme.database.execute(one, acme.org_id) for one in queries]
    for as_of in (None, at(DAY)):
        journey_of(caller, as_of=as_of)
    assert get(caller).standing.stage == BILLING
    assert listed(caller, stages=[LEAD, BILLING])
    assert [acme.database.execute(one, acme.org_id) for one in queries] == before


class TestScore:
    def test_it_is_calculated_and_kept(self, caller: Traveller, acme: Organisation) -> None:
        upsert(caller, ai_score=90)
        track(caller, *troubles("nils", 4, ONBOARDING))
        found = calculated(caller)
        assert found.score == score_of(found.score_details) == 60
        assert (found.risk_level, len(found.risks)) == (words.RISK_LEVEL_CRITICAL, 4)
        assert list(found.contributions) == list(found.score_details.contributions)
        assert list(found.recommended_actions) == [
            words.ACTION_CONCIERGE_PERSONAL_INTERVENTION,
            words.ACTION_EMAIL_OUTREACH,
            words.ACTION_SEND_VOICE_MESSAGE,
            words.ACTION_SCHEDULE_MEETING,
        ]
        kept = acme.database.execute(
            "SELECT score, risk_level, as_of FROM app.client_states WHERE org_id = %s", acme.org_id
        )
        assert [one[:2] for one in kept] == [(60, 4)]
        assert found.score_details.as_of.ToMicroseconds() == round(kept[0][2].timestamp() * 1e6)

    def test_what_is_switched_off_is_not_recommended(
        self, caller: Traveller, journey: Journey, acme: Organisation
    ) -> None:
        upsert(caller)
        assert list(calculated(caller).recommended_actions) == [words.ACTION_EMAIL_OUTREACH]
        off: dict[str, Any] = {
            "action": words.ACTION_EMAIL_OUTREACH, "enabled": False, "channel": 1, "reason": "no",
        }  # fmt: skip
        update(journey.traveller(acme, "olga"), actions=[off])
        assert not calculated(caller).recommended_actions

    def test_changes_are_logged_for_those_who_watch(
        self, caller: Traveller, acme: Organisation
    ) -> None:
        upsert(caller, ai_score=10)
        upsert(caller, ai_score=10, name="Nils")
        track(caller, happening("nils", "moved", 2, ONBOARDING))
        track(caller, happening("nils", "called", 1, ONBOARDING))
        calculated(caller)
        assert verdicts(caller, happening("nils", "moved", -0.5, BILLING)) == ["ACCEPTED"]
        track(caller, happening("nils", "invoice_overdue", 1))
        logged = acme.database.execute(
            "SELECT client_ids FROM app.journey_changes WHERE org_id = %s", acme.org_id
        )
        assert logged == [(["nils"],)] * 3, "made, moved, at risk"


def _kept_stages(organisation: Organisation) -> list[tuple[Any, ...]]:
    query = "SELECT stage FROM app.client_states WHERE org_id = %s"
    return organisation.database.execute(query, organisation.org_id)

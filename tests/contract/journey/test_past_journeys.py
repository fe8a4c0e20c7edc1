"""GetClientJourney as of a time: what had occurred by then, whenever it was told."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.cataloguing import update
from tests.ingesting import at
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.tracking import journey_of, path, refused, risks, told, track_one, upsert
from tests.travels import (
    BILLING,
    DAY,
    LATE_INVOICES,
    LEAD,
    LOW_ENGAGEMENT,
    ONBOARDING,
    SENTIMENT,
    happening,
    track,
)


def test_yesterday_is_as_it_was(caller: Traveller) -> None:
    upsert(caller)
    track(
        caller,
        happening("nils", "moved", 40, ONBOARDING),
        happening("nils", "invoice_overdue", 30, invoice_id="i1"),
        happening("nils", "call", 20, sentiment="negative"),
    )
    yesterday = at(DAY)
    before = journey_of(caller, as_of=yesterday)
    assert path(before) == [ONBOARDING]
    assert before.as_of == yesterday
    assert risks(before.score_details.risks) == [LATE_INVOICES, LOW_ENGAGEMENT]
    track(
        caller,
        happening("nils", "invoice_paid", 0.5, invoice_id="i1"),
        happening("nils", "call", 0.4, sentiment="negative"),
        happening("nils", "moved", 0.3, BILLING),
    )
    now = journey_of(caller)
    assert (now.current_stage, risks(now.score_details.risks)) == (BILLING, [SENTIMENT])
    assert journey_of(caller, as_of=yesterday) == before


def test_a_late_arrival_changes_yesterday(caller: Traveller) -> None:
    upsert(caller)
    track(caller, happening("nils", "moved", 9, LEAD))
    yesterday = at(DAY)
    before = journey_of(caller, as_of=yesterday)
    late = happening("nils", "moved", 2, ONBOARDING)
    track(caller, late)
    after = journey_of(caller, as_of=yesterday)
    assert (path(before), path(after)) == ([LEAD], [LEAD, ONBOARDING])
    assert after.total_events == 2


def test_an_event_of_that_very_moment_counts(caller: Traveller) -> None:
    upsert(caller)
    one = happening("nils", "moved", 2, ONBOARDING)
    track(caller, happening("nils", "moved", 3, LEAD), one)
    moment = one.occurred_at
    assert path(journey_of(caller, as_of=moment)) == [LEAD, ONBOARDING]
    assert journey_of(caller, as_of=moment).stages[-1].seconds == 0
    just_before = Timestamp(seconds=moment.seconds, nanos=moment.nanos)
    just_before.FromMicroseconds(moment.ToMicroseconds() - 1)
    assert path(journey_of(caller, as_of=just_before)) == [LEAD]


def test_before_anything_was_known_it_is_not_found(caller: Traveller) -> None:
    upsert(caller)
    error = refused(journey_of, caller, as_of=at(DAY))
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    track(caller, happening("nils", "moved", 2, ONBOARDING))
    assert journey_of(caller, as_of=at(DAY)).current_stage == ONBOARDING
    assert refused(journey_of, caller, as_of=at(3 * DAY)).code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "moment",
    [lambda: at(-90), lambda: Timestamp(seconds=946_684_799), lambda: Timestamp(nanos=-1)],
    ids=["ahead", "before 2000", "no time"],
)
def test_times_that_cannot_be_asked_about(
    caller: Traveller, moment: Callable[[], Timestamp]
) -> None:
    upsert(caller)
    assert [*refused(journey_of, caller, as_of=moment()).violations] == ["as_of"]


def test_a_little_ahead_is_now(caller: Traveller) -> None:
    """Clocks of callers differ."""
    upsert(caller)
    track_one(caller, happening("nils", "moved", 0, ONBOARDING))
    ahead = at(-30)
    journey = journey_of(caller, as_of=ahead)
    assert path(journey) == [ONBOARDING]
    assert journey.as_of.ToNanoseconds() < ahead.ToNanoseconds()


def test_the_past_is_the_past_however_near(caller: Traveller) -> None:
    upsert(caller)
    way = [happening("nils", "moved", 40 / DAY, ONBOARDING)]
    way.append(happening("nils", "moved", 20 / DAY, BILLING))
    track(caller, *way)
    then = at(30)
    journey = journey_of(caller, as_of=then)
    assert (path(journey), journey.as_of) == ([ONBOARDING], then)
    assert told(journey) == [way[0].event_id]


def test_a_minute_before_it_was_made_is_when_it_was_made(caller: Traveller) -> None:
    """Clocks of callers differ."""
    created_at = upsert(caller, ai_score=30).client.created_at
    before = Timestamp(seconds=created_at.seconds - 30, nanos=created_at.nanos)
    journey = journey_of(caller, as_of=before)
    assert (journey.as_of, journey.stage_since, journey.score) == (created_at, created_at, 30)
    before.seconds -= 31
    assert refused(journey_of, caller, as_of=before).code is grpc.StatusCode.NOT_FOUND


def test_a_client_that_was_made_later_is_known_since_its_first_event(caller: Traveller) -> None:
    upsert(caller)
    first = happening("nils", "called", 2, 0, sentiment="positive")
    track(caller, first)
    journey = journey_of(caller, as_of=at(DAY))
    assert (journey.current_stage, journey.stage_since) == (LEAD, first.occurred_at)


def test_ai_score_and_settings_are_those_of_the_time(
    caller: Traveller, journey: Journey, acme: Organisation
) -> None:
    upsert(caller, ai_score=80)
    track(caller, happening("nils", "moved", 8, ONBOARDING))
    update(
        journey.traveller(acme, "olga"),
        stages=[{"stage": ONBOARDING, "weight": 15, "actions": []}],
    )
    assert journey_of(caller).score == 95
    for table, column in (
        ("client_versions", "valid_from"), ("journey_settings", "changed_at"),
    ):  # fmt: skip
        acme.database.execute(
            f"UPDATE app.{table} SET {column} = {column} - interval '5 days' WHERE org_id = %s",
            acme.org_id,
        )
    upsert(caller, ai_score=10)
    answers = [journey_of(caller, as_of=at(days * DAY)) for days in (4, 6)]
    assert [one.score for one in answers] == [80 + 15, 50 + 10]
    assert [one.score_details.settings_version for one in answers] == [1, 0]
    assert journey_of(caller).score == 25

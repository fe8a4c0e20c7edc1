"""TrackJourneyEvent and TrackJourneyEvents: exactly once, each judged by itself."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.journey.v1 import tracking_pb2 as pb
from tests.ingesting import at, new_id
from tests.journeying import Traveller
from tests.organisations import Organisation
from tests.tracking import (
    Event,
    get,
    journey_of,
    name,
    path,
    refused,
    results,
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
    LEAD,
    ONBOARDING,
    happening,
)

AHEAD = -1.0
"""Days ago, and as far as it may lie ahead."""


@pytest.fixture(autouse=True)
def _nils(caller: Traveller) -> None:
    upsert(caller)


def event(**fields: Any) -> Event:
    """One that is accepted, but for the fields."""
    whole: dict[str, Any] = {
        "event_id": new_id(),
        "client_id": "nils",
        "stage": ONBOARDING,
        "event_type": "moved",
    }
    return Event(**{**whole, **fields})


def metadata(**fields: Any) -> Struct:
    struct = Struct()
    struct.update(fields)
    return struct


def nested(levels: int) -> Struct:
    """So many levels of objects within each other."""
    innermost: dict[str, Any] = {}
    for _ in range(levels - 1):
        innermost = {"a": innermost}
    return metadata(**innermost)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"event_id": "one"}, "event_id", "INVALID_FIELD"),
    ({"client_id": ""}, "client_id", "INVALID_FIELD"),
    ({"client_id": "x" * 129}, "client_id", "INVALID_FIELD"),
    ({"client_id": "a\0b"}, "client_id", "INVALID_FIELD"),
    ({"stage": 0}, "stage", "INVALID_FIELD"),
    ({"stage": 10}, "stage", "INVALID_FIELD"),
    ({"event_type": ""}, "event_type", "INVALID_FIELD"),
    ({"event_type": "Moved"}, "event_type", "INVALID_FIELD"),
    ({"event_type": "a b"}, "event_type", "INVALID_FIELD"),
    ({"event_type": "x" * 65}, "event_type", "INVALID_FIELD"),
    ({"metadata": metadata(a="x" * 16_384)}, "metadata", "INVALID_PROPERTIES"),
    ({"metadata": metadata(a=float("nan"))}, "metadata", "INVALID_PROPERTIES"),
    ({"metadata": metadata(a=[float("inf")])}, "metadata", "INVALID_PROPERTIES"),
    ({"metadata": nested(21)}, "metadata", "INVALID_PROPERTIES"),
    ({"occurred_at": at(2 * AHEAD * DAY)}, "occurred_at", "EVENT_IN_FUTURE"),
    ({"occurred_at": Timestamp(seconds=946_684_799)}, "occurred_at", "EVENT_TOO_OLD"),
    ({"occurred_at": Timestamp(nanos=-1)}, "occurred_at", "INVALID_FIELD"),
    ({"occurred_at": Timestamp(seconds=2**60)}, "occurred_at", "INVALID_FIELD"),
]


class TestOne:
    def test_it_is_stored_and_moves_the_client(self, caller: Traveller) -> None:
        sent = happening("nils", "moved", 1, ONBOARDING, note="spoke", times=3, deep={"a": [1.5]})
        answer = track_one(caller, sent)
        assert (answer.event_id, name(answer)) == (sent.event_id, "ACCEPTED")
        assert answer.current_stage == ONBOARDING
        assert answer.retry_recognisable
        [kept] = journey_of(caller).events
        assert kept.event == sent
        assert kept.source == 1
        assert abs(kept.received_at.ToSeconds() - at(0).ToSeconds()) < 60

    def test_a_retry_changes_nothing(self, caller: Traveller) -> None:
        sent = event()  # without a time, which the server fills in
        first = track_one(caller, sent)
        before = journey_of(caller)
        sent.event_id = sent.event_id.upper()
        again = track_one(caller, sent)
        assert (name(first), name(again)) == ("ACCEPTED", "DUPLICATE")
        assert again.event_id == first.event_id
        assert again.current_stage == ONBOARDING
        assert journey_of(caller).events == before.events

    @pytest.mark.parametrize(
        ("first", "again"),
        [
            ({}, {"metadata": Struct()}),
            ({"occurred_at": Timestamp(seconds=1_700_000_000, nanos=123_456_000)},
             {"occurred_at": Timestamp(seconds=1_700_000_000, nanos=123_456_789)}),
            ({"metadata": metadata(a=0.0)}, {"metadata": metadata(a=-0.0)}),
        ],
        ids=["no metadata", "beyond microseconds", "two zeros"],
    )  # fmt: skip
    def test_a_retry_in_other_words_is_a_retry(
        self, caller: Traveller, first: dict[str, Any], again: dict[str, Any]
    ) -> None:
        event_id = new_id()
        told = [verdicts(caller, event(event_id=event_id, **one)) for one in (first, again)]
        assert told == [["ACCEPTED"], ["DUPLICATE"]]

    @pytest.mark.parametrize(
        "other",
        [
            {"client_id": "other"},
            {"stage": BILLING},
            {"event_type": "met"},
            {"metadata": metadata(a=1)},
            {"occurred_at": at(60)},
        ],
    )
    def test_other_content_under_the_same_id_conflicts(
        self, caller: Traveller, other: dict[str, Any]
    ) -> None:
        upsert(caller, "other")
        first = event()
        track_one(caller, first)
        error = refused(track_one, caller, event(event_id=first.event_id, **other))
        assert (error.code, error.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EVENT_CONFLICT")
        assert told(journey_of(caller)) == [first.event_id]
        assert not journey_of(caller, "other").events

    def test_without_an_id_the_server_assigns_one(self, caller: Traveller) -> None:
        answers = [track_one(caller, event(event_id="")) for _ in range(2)]
        assert not any(one.retry_recognisable for one in answers)
        assert {uuid.UUID(one.event_id).version for one in answers} == {7}
        assert told(journey_of(caller)) == [one.event_id for one in answers]

    @pytest.mark.parametrize(("fields", "field", "reason"), WRONG)
    def test_what_is_wrong_is_named(
        self, caller: Traveller, fields: dict[str, Any], field: str, reason: str
    ) -> None:
        error = refused(track_one, caller, event(**fields))
        assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
        assert [*error.violations] == [f"event.{field}"]

    def test_an_event_is_needed(self, caller: Traveller) -> None:
        error = refused(caller.call, "TrackJourneyEvent", pb.TrackJourneyEventRequest())
        assert [*error.violations] == ["event"]

    def test_an_unknown_client_is_not_found(self, caller: Traveller) -> None:
        sent = event(client_id="nobody")
        error = refused(track_one, caller, sent)
        assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
        upsert(caller, "nobody")
        assert name(track_one(caller, sent)) == "ACCEPTED", "a refusal does not use up the id"

    @pytest.mark.parametrize(
        "fields",
        [
            {"event_type": "invoice_overdue"},
            {"event_type": "invoice_paid", "metadata": metadata(invoice_id="i1")},
            {"event_type": "support_ticket_opened"},
            {"event_type": "support_ticket_closed"},
            {"event_type": "milestone_reached"},
            {"event_type": "call", "metadata": metadata(sentiment="negative")},
            {"event_type": "call", "metadata": metadata(sentiment="positive")},
        ],
    )
    def test_what_means_something_goes_without_a_stage(
        self, caller: Traveller, fields: dict[str, Any]
    ) -> None:
        track_one(caller, event(stage=BILLING))
        answer = track_one(caller, event(**fields, stage=0))
        assert (name(answer), answer.current_stage) == ("ACCEPTED", BILLING)
        assert path(journey_of(caller)) == [BILLING]

    def test_stage_churn_risk_can_be_tracked(self, caller: Traveller) -> None:
        assert track_one(caller, event(stage=CHURN_RISK)).current_stage == CHURN_RISK
        assert get(caller).standing.risk_level == 3

    def test_an_unusual_move_is_marked(self, caller: Traveller) -> None:
        usual, unusual = happening("nils", "m", 3, LEAD), happening("nils", "m", 2, BILLING)
        assert not track_one(caller, usual).unusual
        assert track_one(caller, unusual).unusual
        assert track_one(caller, unusual).unusual, "of a retry too"
        journey = journey_of(caller)
        assert [one.unusual for one in journey.events] == [False, True]
        assert [one.unusual for one in journey.stages] == [False, True]

    def test_a_late_one_can_make_a_move_usual(self, caller: Traveller) -> None:
        track_one(caller, happening("nils", "m", 3, ONBOARDING))
        assert track_one(caller, happening("nils", "m", 1, CHURN_RISK)).current_stage == CHURN_RISK
        track_one(caller, happening("nils", "m", 0.5, ACTIVE_PROJECT))
        late = happening("nils", "m", 2, BILLING)
        answer = track_one(caller, late)
        assert (answer.current_stage, answer.unusual) == (ACTIVE_PROJECT, True)
        assert path(journey_of(caller)) == [ONBOARDING, BILLING, CHURN_RISK, ACTIVE_PROJECT]

    def test_as_much_metadata_as_is_allowed(self, caller: Traveller) -> None:
        most = metadata(a="x" * (16_384 - len('{"a":""}')))
        for sent in (event(metadata=most), event(metadata=nested(20))):
            assert name(track_one(caller, sent)) == "ACCEPTED"
            assert journey_of(caller).events[-1].event.metadata == sent.metadata


class TestBatch:
    def test_nothing_is_stored_of_nothing(self, caller: Traveller) -> None:
        assert verdicts(caller) == []

    def test_each_is_judged_by_itself(self, caller: Traveller) -> None:
        first = event()
        assert verdicts(caller, first) == ["ACCEPTED"]
        new, unnamed = event(), event(event_id="")
        answers = results(
            caller,
            event(event_type="Bad"),
            first,
            new,
            event(client_id="nobody"),
            event(event_id=first.event_id, stage=BILLING),
            new,
            event(event_id=new.event_id, stage=BILLING),
            unnamed,
        )
        assert [name(one) for one in answers] == [
            "REJECTED", "DUPLICATE", "ACCEPTED", "REJECTED", "CONFLICT", "DUPLICATE", "CONFLICT",
            "ACCEPTED",
        ]  # fmt: skip
        assert [one.reason for one in answers] == [
            "INVALID_FIELD", "", "", "NOT_FOUND", "EVENT_CONFLICT", "", "EVENT_CONFLICT", "",
        ]  # fmt: skip
        assert answers[0].message.startswith("events[0].event_type: must be")
        assert answers[3].message.startswith("events[3].client_id: there is no client")
        assert told(journey_of(caller)) == [
            first.event_id, new.event_id, answers[-1].event_id,
        ]  # fmt: skip

    @pytest.mark.parametrize(("fields", "field", "reason"), WRONG)
    def test_a_bad_one_sinks_neither_its_batch_nor_its_id(
        self, caller: Traveller, fields: dict[str, Any], field: str, reason: str
    ) -> None:
        bad, good = event(**fields), event()
        answers = results(caller, bad, good)
        assert [name(one) for one in answers] == ["REJECTED", "ACCEPTED"]
        assert (answers[0].event_id, answers[0].reason) == (bad.event_id, reason)
        assert answers[0].message.startswith(f"events[0].{field}: ")
        if field != "event_id":
            assert verdicts(caller, event(event_id=bad.event_id)) == ["ACCEPTED"]

    def test_more_than_1000_are_refused_whole(self, caller: Traveller) -> None:
        error = refused(results, caller, *(event() for _ in range(1_001)))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "events" in error.violations
        assert not journey_of(caller).events

    def test_without_times_they_keep_their_order(self, caller: Traveller) -> None:
        way = [LEAD, ONBOARDING, ACTIVE_PROJECT, BILLING] * 5
        ids = sorted((str(uuid.uuid4()) for _ in way), reverse=True)
        sent = [event(event_id=one, stage=stage) for one, stage in zip(ids, way, strict=True)]
        assert verdicts(caller, *sent) == ["ACCEPTED"] * len(way)
        journey = journey_of(caller)
        assert told(journey) == ids
        assert path(journey) == way
        assert journey.current_stage == BILLING

    def test_1000_clients_at_once(self, caller: Traveller, acme: Organisation) -> None:
        acme.database.execute(_MANY_CLIENTS, *[acme.org_id] * 3)
        sent = [
            happening(f"c{number}", "moved", 1, 1 + number % 9, stage_of=number)
            for number in range(1_000)
        ]
        assert verdicts(caller, *sent) == ["ACCEPTED"] * 1_000
        late = [happening(f"c{number}", "moved", 2, BILLING) for number in range(1_000)]
        assert verdicts(caller, *late) == ["ACCEPTED"] * 1_000
        assert verdicts(caller, *sent) == ["DUPLICATE"] * 1_000
        for number in (0, 7, 999):
            stage = 1 + number % 9
            assert path(journey_of(caller, f"c{number}")) == [BILLING] + [stage] * (
                stage != BILLING
            )


# Made here, for a thousand calls would take as many seconds.
_MANY_CLIENTS = """
WITH made AS (
  INSERT INTO app.clients (org_id, client_id, name, email, status, owner, tags, time_zone,
    do_not_contact, segment, revision, created_at, updated_at, adopted)
  SELECT %s, 'c' || n, '', '', '', '', '{}', '', false, '', 1, now(), now(), true
  FROM generate_series(0, 999) AS n
  RETURNING client_id
)
INSERT INTO app.client_states (org_id, client_id, facts, contacts, stage, stage_since, score,
  risk_level, findings, as_of, settings_version)
SELECT %s, made.client_id, s.facts, '[]', 1, now(), 50, 1, '[]', now(), 0
FROM made, app.client_states AS s WHERE s.org_id = %s AND s.client_id = 'nils'
"""

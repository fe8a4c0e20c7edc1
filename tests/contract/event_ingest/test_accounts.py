"""What is counted, what is limited, and what one event's data costs its neighbours: nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import (
    Caller,
    Ingest,
    Refused,
    at,
    event,
    organisations,
    refusal,
    running_ingest,
)
from tests.organisations import Organisation
from tests.postgres import Template

MOST = {"units": 1_000_000}
"""As large as a cost may be."""
NANOS = 10**9


def verdict_numbers(ingest: Ingest) -> Mapping[str, int]:
    numbers = ingest.numbers()
    names = ("accepted", "duplicate", "conflict", "rejected")
    return {one: int(numbers[f'footfall_events_total{{verdict="{one}"}}']) for one in names}


def moved(before: Mapping[str, int], after: Mapping[str, int]) -> Mapping[str, int]:
    return {name: after[name] - before[name] for name in after}


def alone(caller: Caller, sent: event_pb2.Event) -> str:
    """By the group commit: the verdict, or the reason of the refusal."""
    try:
        answer = caller.call("IngestEvent", pb.IngestEventRequest(event=sent))
    except grpc.RpcError as error:
        return refusal(error).reason
    return pb.Verdict.Name(answer.verdict)[8:]


def use_up(caller: Caller) -> str:
    """Send on until an event is refused: what is stored counts within five seconds."""
    deadline = time.monotonic() + 12
    while (outcome := alone(caller, event())) == "ACCEPTED":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return outcome


def quota_refusal(caller: Caller, *events: event_pb2.Event) -> tuple[Refused, list[str]]:
    with pytest.raises(grpc.RpcError) as failed:
        caller.ingest(*events)
    status = rpc_status.from_call(cast("grpc.Call", failed.value))
    quota = error_details_pb2.QuotaFailure()
    assert status is not None
    assert any(detail.Unpack(quota) for detail in status.details)
    return refusal(failed.value), [one.subject for one in quota.violations]


def nearly_full(ingest: Ingest, organisation: Organisation, caller: Caller) -> Timestamp:
    """An hour, the counter of which has room for one more cost of the largest, not for two."""
    moment = at(3600.0)
    caller.ingest(event(cost=MOST, occurred_at=moment))
    room = MOST["units"] * NANOS * 3 // 2
    ingest.database.execute(
        "UPDATE app.event_hourly SET cost_nanos = %s WHERE org_id = %s RETURNING 1",
        2**63 - 1 - room,
        organisation.org_id,
    )
    return moment


def test_the_numbers_of_the_verdicts_add_up_to_what_was_received(
    ingest: Ingest, backend: Caller
) -> None:
    before = verdict_numbers(ingest)
    sent = [event(user_id="mia") for _ in range(10)]
    other = event(event_id=sent[0].event_id, user_id="milo")
    backend.ingest(*sent, other, event("nope"))
    assert [alone(backend, one) for one in (event(), sent[1], other, event("nope"))] == [
        "ACCEPTED",
        "DUPLICATE",
        "EVENT_CONFLICT",
        "UNKNOWN_EVENT_TYPE",
    ]
    requests = iter([pb.StreamEventsRequest(events=sent[:3])])
    list(backend.events.StreamEvents(requests, metadata=backend.metadata, timeout=20))
    assert moved(before, verdict_numbers(ingest)) == {
        "accepted": 11,
        "duplicate": 4,
        "conflict": 2,
        "rejected": 2,
    }


def test_a_quota_of_the_day_is_kept_and_told_with_its_name_and_a_time_to_retry(
    ingest: Ingest, acme: Organisation, globex: Organisation, backend: Caller
) -> None:
    """RESOURCE_EXHAUSTED, nothing stored of what goes beyond, and nobody else is held up."""
    acme.set("events_per_day", 100)
    told, subjects = quota_refusal(backend, *(event() for _ in range(101)))
    assert (told.code, told.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED")
    assert told.retry_seconds
    assert "100" in told.message or told.metadata
    assert subjects == [f"org:{acme.org_id}"]
    assert backend.listed() == []
    assert set(backend.verdicts(*(event() for _ in range(100)))) == {"ACCEPTED"}
    assert use_up(backend) == "QUOTA_EXHAUSTED"
    assert ingest.caller(globex).verdicts(event()) == ["ACCEPTED"]


def test_a_quota_counts_what_was_received_today_whenever_it_happened(
    acme: Organisation, backend: Caller
) -> None:
    acme.set("events_per_day", 10)
    last_week = [event(occurred_at=at(7 * 86_400.0)) for _ in range(10)]
    assert set(backend.verdicts(*last_week)) == {"ACCEPTED"}
    assert use_up(backend) == "QUOTA_EXHAUSTED"


def test_what_is_stored_already_neither_counts_against_a_quota_nor_is_refused_by_it(
    acme: Organisation, backend: Caller
) -> None:
    """Whose answer was lost hears on a retry what became of its events, also when it is late."""
    acme.set("events_per_day", 10)
    sent = [event() for _ in range(10)]
    assert set(backend.verdicts(*sent)) == {"ACCEPTED"}
    assert use_up(backend) == "QUOTA_EXHAUSTED"
    assert backend.verdicts(*sent, sent[0]) == ["DUPLICATE"] * 11
    assert alone(backend, sent[3]) == "DUPLICATE"
    other = event(event_id=sent[3].event_id, feature="other")
    assert alone(backend, other) == "EVENT_CONFLICT"
    before = len(backend.listed())
    told, _ = quota_refusal(backend, *sent, event())
    assert told.reason == "QUOTA_EXHAUSTED"
    assert len(backend.listed()) == before


def test_what_postgres_cannot_add_up_is_refused_without_its_neighbours_in_a_batch(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """A counter may be so full that the second cost overflows it; the cost is what is told."""
    moment = nearly_full(ingest, acme, backend)
    costs = [None, MOST, None, MOST, None]
    sent = [event(cost=cost, occurred_at=moment) for cost in costs]
    assert backend.verdicts(*sent) == ["ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED", "ACCEPTED"]
    assert backend.verdicts(*sent) == ["DUPLICATE"] * 3 + ["REJECTED", "DUPLICATE"]
    kept = backend.call("ListRejectedEvents", pb.ListRejectedEventsRequest()).rejected_events
    assert {one.event_id for one in kept} == {sent[3].event_id}
    assert {one.message.partition(":")[0] for one in kept} == {"cost"}


def test_what_postgres_cannot_add_up_is_refused_without_its_neighbours_in_the_group_commit(
    ingest: Ingest, acme: Organisation, backend: Caller, globex: Organisation
) -> None:
    """Neighbours are whoever calls at the same time, of whatever organisation."""
    moment = nearly_full(ingest, acme, backend)
    backend.ingest(event(cost=MOST, occurred_at=moment))
    stranger = ingest.caller(globex)
    good = [(caller, event()) for caller in (backend, stranger) for _ in range(40)]
    bad = [(backend, event(cost=MOST, occurred_at=moment)) for _ in range(4)]
    with ThreadPoolExecutor(32) as callers:
        mixed = [*good[:40], *bad, *good[40:]]
        outcomes = list(callers.map(lambda one: alone(*one), mixed))
    assert outcomes == ["ACCEPTED"] * 40 + ["INVALID_FIELD"] * 4 + ["ACCEPTED"] * 40


def test_refused_events_are_kept_up_to_so_many_bytes_a_day_and_the_rest_is_counted(
    template: Template,
) -> None:
    """By organisation, in one call or in several; what is not kept is refused all the same."""
    with (
        template.clone() as database,
        running_ingest(database, FOOTFALL_EVENT_INGEST_REJECTED_BYTES_PER_DAY="2500") as own,
    ):
        acme, globex = (own.caller(one) for one in organisations(database, 2))
        refused = [event("nope", feature="x" * 100) for _ in range(3)]
        large = [event("nope", properties_json=f'{{"a":"{"x" * 1000}"}}') for _ in range(3)]
        assert acme.verdicts(*refused) == ["REJECTED"] * 3
        assert acme.verdicts(*large) == ["REJECTED"] * 3
        assert alone(acme, large[2]) == "UNKNOWN_EVENT_TYPE"
        assert globex.verdicts(large[0]) == ["REJECTED"]
        asked = pb.ListRejectedEventsRequest()
        page = acme.call("ListRejectedEvents", asked)
        kept = {one.event_id for one in page.rejected_events}
        assert kept == {one.event_id for one in (*refused, large[0])}
        assert page.not_kept == 3
        assert len(globex.call("ListRejectedEvents", asked).rejected_events) == 1


def test_an_event_may_say_for_how_long_it_is_kept(backend: Caller) -> None:
    """Its own word comes back; that it goes in its time is shown in test_upkeep."""
    short, long = event(retention_days=1), event(retention_days=36_500)
    assert backend.verdicts(short, long, event()) == ["ACCEPTED"] * 3
    assert sorted(one.retention_days for one in backend.listed()) == [0, 1, 36_500]

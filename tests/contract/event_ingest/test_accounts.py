"""What is counted, what is limited, and what one event's data costs its neighbours: nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from tests.ingesting import Caller, Ingest, Refused, event, refusal
from tests.organisations import Organisation

MOST = {"units": 9_223_372_036}
"""As large as a cost may be: two of them are more than a counter holds."""


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


def quota_refusal(caller: Caller, *events: event_pb2.Event) -> tuple[Refused, list[str]]:
    with pytest.raises(grpc.RpcError) as failed:
        caller.ingest(*events)
    status = rpc_status.from_call(cast("grpc.Call", failed.value))
    quota = error_details_pb2.QuotaFailure()
    assert status is not None
    assert any(detail.Unpack(quota) for detail in status.details)
    return refusal(failed.value), [one.subject for one in quota.violations]


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
    deadline = time.monotonic() + 12  # what is stored counts within five seconds
    while (outcome := alone(backend, event())) == "ACCEPTED":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert outcome == "QUOTA_EXHAUSTED"
    assert ingest.caller(globex).verdicts(event()) == ["ACCEPTED"]


def test_what_postgres_cannot_add_up_is_refused_without_its_neighbours_in_a_batch(
    backend: Caller,
) -> None:
    """A cost may be so large that the second one overflows the counter of its hour."""
    sent = [event(), event(cost=MOST), event(), event(cost=MOST), event()]
    assert backend.verdicts(*sent) == ["ACCEPTED", "ACCEPTED", "ACCEPTED", "REJECTED", "ACCEPTED"]
    assert backend.verdicts(*sent) == ["DUPLICATE"] * 3 + ["REJECTED", "DUPLICATE"]
    kept = backend.call("ListRejectedEvents", pb.ListRejectedEventsRequest()).rejected_events
    assert {one.event_id for one in kept} == {sent[3].event_id}


def test_what_postgres_cannot_add_up_is_refused_without_its_neighbours_in_the_group_commit(
    ingest: Ingest, backend: Caller, globex: Organisation
) -> None:
    """Neighbours are whoever calls at the same time, of whatever organisation."""
    backend.ingest(event(cost=MOST))
    stranger = ingest.caller(globex)
    good = [(caller, event()) for caller in (backend, stranger) for _ in range(40)]
    bad = [(backend, event(cost=MOST)) for _ in range(4)]
    with ThreadPoolExecutor(32) as callers:
        mixed = [*good[:40], *bad, *good[40:]]
        outcomes = list(callers.map(lambda one: alone(*one), mixed))
    assert outcomes == ["ACCEPTED"] * 40 + ["INVALID_PROPERTIES"] * 4 + ["ACCEPTED"] * 40


def test_an_event_may_say_for_how_long_it_is_kept(backend: Caller) -> None:
    """Its own word comes back; that it goes in its time is shown in test_upkeep."""
    short, long = event(retention_days=1), event(retention_days=36_500)
    assert backend.verdicts(short, long, event()) == ["ACCEPTED"] * 3
    assert sorted(one.retention_days for one in backend.listed()) == [0, 1, 36_500]

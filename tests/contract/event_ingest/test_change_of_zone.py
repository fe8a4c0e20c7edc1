"""`footfall org update --time-zone` while events come: none is lost, none counts twice or apart."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_pb2
from services.event_ingest.recount.usecases import recount
from shared.clock import SystemClock
from shared.identity.administration import organisations
from shared.identity.administration.desk import open_desk
from tests.ingesting import Caller, Ingest, at, event, refusal
from tests.organisations import Organisation

ZONES = ("Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe")
PATIENCE_SECONDS = 30.0


def sent_until_taken(caller: Caller, events: list[event_pb2.Event]) -> int:
    """A single event or a batch, again and again as the answer says; how many were new."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if len(events) == 1:
                answer = caller.call("IngestEvent", pb.IngestEventRequest(event=events[0]))
                return int(answer.verdict == pb.VERDICT_ACCEPTED)
            return [one.verdict for one in caller.ingest(*events)].count(pb.VERDICT_ACCEPTED)
        except grpc.RpcError as error:
            refused = refusal(error)
            assert refused.code is grpc.StatusCode.UNAVAILABLE, refused
            assert refused.retry_seconds
            assert time.monotonic() < deadline, "refused for ever"
            time.sleep(0.1)


def change_zone(organisation: Organisation, zone: str) -> None:
    async def change() -> None:
        owner = organisation.database.urls["footfall_owner"]
        async with open_desk(owner, SystemClock(), "operator:test") as desk:
            await organisations.change(desk, organisation.org_id, {"time_zone": zone}, recount)

    asyncio.run(change())


def rows(organisation: Organisation, table: str) -> list[Any]:
    found = organisation.database.execute(
        f"SELECT to_jsonb(t) FROM app.{table} t WHERE org_id = %s", organisation.org_id
    )
    return sorted((row for (row,) in found), key=str)


def test_events_that_come_meanwhile_count_once_and_in_the_new_zone(
    ingest: Ingest, acme: Organisation, globex: Organisation
) -> None:
    over = threading.Event()
    accepted: list[int] = []

    def send(number: int) -> None:
        caller, size = ingest.caller(acme), 1 if number % 2 else 20
        while not over.is_set():
            events = [
                event(user_id=f"user-{at % 7}", occurred_at=at_minutes(at * 17 + number))
                for at in range(size)
            ]
            accepted.append(sent_until_taken(caller, events))

    def neighbour() -> None:
        """Never hears of it."""
        caller = ingest.caller(globex)
        while not over.is_set():
            caller.call("IngestEvent", pb.IngestEventRequest(event=event()))

    with ThreadPoolExecutor(6) as senders:
        sending = [senders.submit(send, number) for number in range(4)]
        sending.append(senders.submit(neighbour))
        try:
            for zone in ZONES:
                wait_for_more(accepted, sending)
                change_zone(acme, zone)
            wait_for_more(accepted, sending)
        finally:
            over.set()
        for one in sending:
            one.result()
    assert_counted(acme, sum(accepted))


@pytest.mark.parametrize("size", [1, 24], ids=["group commit", "batch"])
def test_a_service_that_remembers_the_zone_of_before_does_not_count_by_it(
    acme: Organisation, backend: Caller, size: int
) -> None:
    sent = [event(user_id="mia", occurred_at=at_minutes(hour * 60)) for hour in range(48)]
    for number, one in enumerate((sent[:24], sent[24:])):
        if number:
            change_zone(acme, "Asia/Tokyo")
        for start in range(0, 24, size):
            assert sent_until_taken(backend, one[start : start + size]) == size
    assert_counted(acme, 48)


def assert_counted(organisation: Organisation, events: int) -> None:
    """Each once, and as a rebuild counts them."""
    written = {table: rows(organisation, table) for table in ("event_hourly", "user_day")}
    for of_table in written.values():
        assert sum(row["events"] for row in of_table) == events
    asyncio.run(_rebuild(organisation))
    assert {table: rows(organisation, table) for table in written} == written


def wait_for_more(accepted: Sequence[int], sending: Sequence[Future[None]]) -> None:
    enough = len(accepted) + 20
    while len(accepted) < enough:
        for one in sending:
            assert not one.done(), one.exception()
        time.sleep(0.02)


async def _rebuild(organisation: Organisation) -> None:
    owner = organisation.database.urls["footfall_owner"]
    async with open_desk(owner, SystemClock(), "operator:test") as desk:
        await organisations.rebuild(desk, organisation.org_id, recount)


def at_minutes(minutes: int) -> Any:
    return at(minutes * 60.0)

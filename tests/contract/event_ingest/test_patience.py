"""Callers who do not wait, who go away, and who do not read: nobody else pays for them.

Numbers are those of the hardening checklist.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psycopg
import pytest
from grpc import aio

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1 import event_ingest_pb2_grpc, event_pb2
from tests.ingesting import Caller, Ingest, event
from tests.organisations import Organisation

MIB = 1024 * 1024
HURRY = 0.05
TAIL = "/footfall.events.v1.EventIngestService/TailEvents"
IN_FLIGHT = f'footfall_rpc_in_flight{{method="{TAIL}"}}'
CANCELS = 1000

ACTIVE = """
SELECT count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'footfall_event_ingest' AND state <> 'idle'
"""
WAITING = f"{ACTIVE} AND wait_event_type = 'Lock'"
CONNECTED = """
SELECT count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'footfall_event_ingest'
"""


def count(ingest: Ingest, query: str, *parameters: object) -> int:
    return int(ingest.database.execute(query, *parameters, login=None)[0][0])


def until(holds: Callable[[], bool], seconds: float) -> float:
    """Seconds until it held."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not so after {seconds} s"
        time.sleep(0.005)
    return time.monotonic() - began


@contextmanager
def holding(ingest: Ingest, statement: str, *parameters: object) -> Iterator[None]:
    """Somebody else's transaction, which has what the statement locks."""
    with psycopg.connect(ingest.database.admin_url) as connection:
        connection.execute(statement.encode(), parameters)
        yield


def out_of_time(caller: Caller, method: str, request: object) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        caller.call(method, request, timeout=HURRY)
    assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def stored(ingest: Ingest, organisation: Organisation) -> int:
    query = "SELECT count(*)::int FROM app.events WHERE org_id = %s"
    return count(ingest, query, organisation.org_id)


COUNTERS = "SELECT 1 FROM app.event_hourly WHERE org_id = %s FOR UPDATE"


def test_a_batch_whose_time_is_up_is_not_written_later(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """27. Its statement waits for a counter, and ends with the call."""
    backend.ingest(event())
    late = event()
    with holding(ingest, COUNTERS, acme.org_id):
        out_of_time(backend, "IngestEvents", pb.IngestEventsRequest(events=[late]))
        assert until(lambda: count(ingest, WAITING) == 0, 2) < 0.2
    until(lambda: count(ingest, ACTIVE) == 0, 2)
    assert stored(ingest, acme) == 1
    assert backend.verdicts(late) == ["ACCEPTED"]


def test_an_event_of_the_group_commit_whose_time_is_up_is_an_honest_unknown(
    ingest: Ingest, acme: Organisation, backend: Caller
) -> None:
    """27. The statement is its neighbours' too and goes on; a retry finds one row or makes it."""
    backend.ingest(event())
    late, dropped = event(), event()
    with holding(ingest, COUNTERS, acme.org_id):
        out_of_time(backend, "IngestEvent", pb.IngestEventRequest(event=late))
        out_of_time(backend, "IngestEvent", pb.IngestEventRequest(event=dropped))
    until(lambda: count(ingest, ACTIVE) == 0, 2)
    assert set(backend.verdicts(late)) <= {"ACCEPTED", "DUPLICATE"}
    # It was still in the queue when its caller left.
    assert backend.verdicts(dropped) == ["ACCEPTED"]
    assert stored(ingest, acme) == 3


def test_a_list_whose_time_is_up_leaves_no_query_behind(ingest: Ingest, backend: Caller) -> None:
    """27."""
    backend.ingest(event())
    with holding(ingest, "LOCK TABLE app.events IN ACCESS EXCLUSIVE MODE"):
        out_of_time(backend, "ListEvents", pb.ListEventsRequest())
        assert until(lambda: count(ingest, ACTIVE) == 0, 2) < 0.2
    assert len(backend.listed()) == 1


async def test_a_thousand_streams_that_are_cancelled_leave_nothing_behind(
    ingest: Ingest, backend: Caller
) -> None:
    """28. Cancelled anywhere between their first byte and their third look into the log."""
    backend.ingest(event())
    connected, files = count(ingest, CONNECTED), _files(ingest)
    random.seed(28)
    async with aio.insecure_channel(ingest.address) as channel:
        stub = event_ingest_pb2_grpc.EventIngestServiceStub(channel)

        async def come_and_go() -> None:
            for _ in range(CANCELS // 50):
                tail = stub.TailEvents(pb.TailEventsRequest(), metadata=backend.metadata)
                await asyncio.sleep(random.uniform(0.0, 0.1))
                tail.cancel()

        await asyncio.gather(*(come_and_go() for _ in range(50)))
        await asyncio.to_thread(until, lambda: ingest.numbers()[IN_FLIGHT] == 0, 5)
    await asyncio.to_thread(until, lambda: count(ingest, ACTIVE) == 0, 5)
    pool = 8
    assert count(ingest, CONNECTED) <= max(connected, pool)
    assert _files(ingest) <= files + pool
    assert backend.verdicts(event()) == ["ACCEPTED"]


def test_who_does_not_read_its_stream_costs_no_memory_and_misses_nothing(
    ingest: Ingest, backend: Caller
) -> None:
    """30. Some 24 MB are committed meanwhile; then it reads, and resumes where it was cut off."""
    _flood(backend)  # what taking them in costs is not the reader's
    before = _resident(ingest)
    slow = backend.events.TailEvents(pb.TailEventsRequest(), metadata=backend.metadata, timeout=60)
    first = next(slow)
    sent = _flood(backend)
    assert _resident(ingest) - before < 16 * MIB
    found, token = [_ids(first)], first.resume_token
    for message in slow:
        found.append(_ids(message))
        token = message.resume_token
        if len(found) == 4:
            slow.cancel()
            break
    rest = backend.events.TailEvents(
        pb.TailEventsRequest(resume_token=token), metadata=backend.metadata, timeout=60
    )
    while sum(map(len, found)) < len(sent):
        found.append(_ids(next(rest)))
    rest.cancel()
    assert sorted(one for some in found for one in some) == sorted(sent)
    assert _resident(ingest) - before < 16 * MIB


def _flood(caller: Caller) -> list[str]:
    """Some 24 MB in twelve batches."""
    text = '{"text":"' + "x" * 2_000 + '"}'
    sent: list[event_pb2.Event] = []
    for _ in range(12):
        batch = [event(properties_json=text) for _ in range(1000)]
        assert set(caller.verdicts(*batch)) == {"ACCEPTED"}
        sent += batch
    return [one.event_id for one in sent]


def _ids(message: pb.TailEventsResponse) -> list[str]:
    return [one.event.event_id for one in message.events]


def _files(ingest: Ingest) -> int:
    return len(list(Path(f"/proc/{ingest.process.pid}/fd").iterdir()))


def _resident(ingest: Ingest) -> int:
    pages = Path(f"/proc/{ingest.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

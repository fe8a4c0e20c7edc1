"""Bulk: the verdicts of every batch, in order, at any speed of the consumer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest

from footfall_client import (
    AsyncClient,
    BatchResult,
    Client,
    Counts,
    DropCode,
    DropReason,
    Event,
    Options,
)
from tests.contract.client.answers import failing
from tests.contract.client.ingest_server import IngestServicer, serving

OPTIONS = Options(backoff_base=0.02, backoff_cap=0.1, max_event_bytes=100_000)


@pytest.fixture
def server() -> IngestServicer:
    return IngestServicer()


@pytest.fixture
def address(server: IngestServicer) -> Iterator[str]:
    with serving(server) as address:
        yield address


def events(count: int, *, size: int = 0) -> Iterator[Event]:
    return (Event(type="login", user_id=str(number), feature="x" * size) for number in range(count))


def shape(results: list[BatchResult]) -> list[tuple[int, int, int, int, int]]:
    return [
        (each.accepted, each.duplicate, each.conflict, each.rejected, len(each.dropped))
        for each in results
    ]


def test_batches_come_back_in_the_order_of_the_source(address: str) -> None:
    with Client(address) as client:
        results = list(client.upload(events(1234), batch_size=500))
        users = [event.user_id for result in results for event in result.events]
        assert users == [str(number) for number in range(1234)]
        assert [result.received for result in results] == [500, 500, 234]
        assert client.counts == Counts(sent=1234, acknowledged=1234)


async def test_asyncio_takes_sources_of_both_kinds(address: str) -> None:
    async def source() -> AsyncIterator[Event]:
        for event in events(1234):
            yield event

    async with AsyncClient(address) as client:
        results = [result async for result in client.upload(source(), batch_size=500)]
        results += [result async for result in client.upload(events(10))]
        assert [result.accepted for result in results] == [500, 500, 234, 10]
        assert client.counts == Counts(sent=1244, acknowledged=1244)


def test_every_verdict_and_every_drop_is_in_its_batch(address: str, server: IngestServicer) -> None:
    sent = list(events(3))
    told: list[DropReason] = []
    with Client(address, options=OPTIONS, on_drop=lambda _, why: told.append(why)) as client:
        assert shape(list(client.upload(sent))) == [(3, 0, 0, 0, 0)]
        changed = Event(type="logout", event_id=sent[0].event_id)
        large = Event(type="login", feature="x" * 100_001)
        mixed = [sent[1], changed, Event(type="unknown"), large, Event(type="login")]
        (result,) = client.upload(mixed)
        assert shape([result]) == [(1, 1, 1, 1, 1)]
        assert result.received == 5
        assert [each.result.reason for each in result.refusals()] == [
            "EVENT_CONFLICT",
            "UNKNOWN_EVENT_TYPE",
        ]
        server.answers = [failing(grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")]
        assert shape(list(client.upload(events(2)))) == [(0, 0, 0, 0, 2)]
        assert client.counts == Counts(sent=10, acknowledged=5, rejected=2, dropped=3)
    assert [why.code for why in told] == [
        DropCode.EVENT_TOO_LARGE,
        DropCode.CALL_FAILED,
        DropCode.CALL_FAILED,
    ]


def test_large_events_make_small_batches(address: str) -> None:
    with Client(address) as client:
        results = list(client.upload(events(10, size=800_000)))
        assert [result.accepted for result in results] == [3, 3, 3, 1]


def test_the_source_is_read_only_as_batches_arrive(address: str) -> None:
    read = 0

    def source() -> Iterator[Event]:
        nonlocal read
        for event in events(10_000):
            read += 1
            yield event

    with Client(address) as client:
        uploading = client.upload(source(), batch_size=100, in_flight=3)
        next(uploading)
        assert read == 300
        uploading.close()
        assert client.counts.balanced
        assert client.counts.pending == 0
        assert client.counts.sent == read


async def test_an_upload_that_is_left_accounts_for_what_was_on_its_way(address: str) -> None:
    async with AsyncClient(address) as client:
        uploading = client.upload(events(10_000), batch_size=100, in_flight=3)
        await anext(uploading)
        await uploading.aclose()
        assert client.counts.balanced
        assert client.counts.pending == 0


def test_a_batch_is_tried_again_and_says_how_often(address: str, server: IngestServicer) -> None:
    server.answers = [failing(grpc.StatusCode.UNAVAILABLE, "OVERLOADED", 0.05)] * 3
    with Client(address, options=OPTIONS) as client:
        (result,) = client.upload(events(5))
        assert (result.accepted, result.attempts) == (5, 4)


def test_patience_may_be_bounded() -> None:
    with Client("127.0.0.1:1", options=OPTIONS) as client:
        began = time.monotonic()
        (result,) = client.upload(events(5), retry_for=0.3)
        assert time.monotonic() - began < 2.0
        assert result.attempts > 1
        assert [str(each.reason) for each in result.dropped] == ["call_failed: UNAVAILABLE"] * 5
        assert client.counts == Counts(sent=5, dropped=5)

"""Both clients against a server over a socket: what becomes of events, call by call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from footfall_client import (
    AsyncClient,
    Client,
    Counts,
    DropReason,
    Event,
    EventResult,
    NotDelivered,
    Options,
    SpoolOptions,
)
from tests.contract.client.answers import failing, settled, stalling, until
from tests.contract.client.ingest_server import IngestServicer, serving

Kind = type[Client] | type[AsyncClient]
QUICK = Options(backoff_base=0.02, backoff_cap=0.1, call_timeout=0.5)
NOWHERE = "127.0.0.1:1"


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.fixture(params=[Client, AsyncClient], ids=["threads", "asyncio"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def server() -> IngestServicer:
    return IngestServicer()


@pytest.fixture
def address(server: IngestServicer) -> Iterator[str]:
    with serving(server) as address:
        yield address


async def test_every_verdict_is_counted_and_refusals_are_handed_over(
    kind: Kind, address: str
) -> None:
    refused: list[tuple[Event, EventResult]] = []
    client = kind(address, on_reject=lambda event, result: refused.append((event, result)))
    first = client.track("login", user_id="u", event_id="0190a000-0000-7000-8000-000000000001")
    client.track("unknown", user_id="u")
    assert await settled(client.flush())
    client.track("logout", user_id="u", event_id=first or "")
    assert await settled(client.close())
    assert client.counts == Counts(sent=3, acknowledged=1, rejected=2)
    assert [(event.type, result.reason) for event, result in refused] == [
        ("unknown", "UNKNOWN_EVENT_TYPE"),
        ("logout", "EVENT_CONFLICT"),
    ]


async def test_high_impact_leaves_at_once_and_the_rest_in_company(
    kind: Kind, address: str, server: IngestServicer
) -> None:
    client = kind(address)
    client.track("login")
    await asyncio.sleep(0.2)
    assert server.batches == []
    client.track_export("report", "pdf")
    await until(lambda: server.batches)
    assert [[event.type for event in batch] for batch in server.batches] == [
        ["login", "export_action"]
    ]
    await settled(client.close())


async def test_the_interval_sends_what_nobody_flushes(
    kind: Kind, address: str, server: IngestServicer
) -> None:
    client = kind(address, options=Options(flush_interval=0.1))
    client.track("login")
    await until(lambda: server.batches)
    await settled(client.close())


@pytest.mark.parametrize(
    ("code", "retry_after"),
    [
        (grpc.StatusCode.UNAVAILABLE, None),
        (grpc.StatusCode.UNAVAILABLE, 0.1),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 0.1),
        (grpc.StatusCode.DEADLINE_EXCEEDED, None),
    ],
    ids=["away", "away with a time", "quota with a time", "late"],
)
async def test_a_passing_failure_delays_and_loses_nothing(
    kind: Kind,
    address: str,
    server: IngestServicer,
    code: grpc.StatusCode,
    retry_after: float | None,
) -> None:
    server.answers = [failing(code, "DATABASE_AWAY", retry_after)] * 3
    client = kind(address, options=QUICK)
    began = time.monotonic()
    client.track("login")
    assert await settled(client.flush())
    assert time.monotonic() - began >= 3 * (retry_after or 0.0)
    assert client.counts == Counts(sent=1, acknowledged=1)
    await settled(client.close())


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
    ],
)
async def test_a_failure_for_good_drops_its_events_and_says_why(
    kind: Kind, address: str, server: IngestServicer, code: grpc.StatusCode
) -> None:
    told: list[DropReason] = []
    server.answers = [failing(code, "SOME_REASON")]
    client = kind(address, on_drop=lambda _, reason: told.append(reason))
    client.track("login")
    assert await settled(client.flush())
    client.track("login")
    await settled(client.close())
    assert [str(reason) for reason in told] == [f"call_failed: {code.name} (SOME_REASON)"]
    assert client.counts == Counts(sent=2, acknowledged=1, dropped=1)


async def test_a_call_past_its_deadline_is_made_again_and_is_a_duplicate(
    kind: Kind, address: str, server: IngestServicer
) -> None:
    server.answers = [stalling(0.8)]
    client = kind(address, options=QUICK)
    client.track("login")
    assert await settled(client.flush())
    await settled(client.close())
    assert client.counts == Counts(sent=1, acknowledged=1)
    await until(lambda: len(server.batches) == 2)
    assert len(server.stored) == 1


async def test_each_call_carries_the_token_of_the_moment(
    kind: Kind, address: str, server: IngestServicer
) -> None:
    tokens = iter(["first", "second"])
    client = kind(address, credential=lambda: next(tokens))
    client.track("login")
    await settled(client.flush())
    client.track("login")
    await settled(client.close())
    sent = [metadata["authorization"] for metadata in server.metadata]
    assert sent == ["Bearer first", "Bearer second"]


async def test_a_token_that_cannot_be_had_is_a_delay(kind: Kind, address: str) -> None:
    def token() -> str:
        asked.append("once more")
        if len(asked) == 1:
            raise OSError("the token service is away")
        return "token"

    asked: list[str] = []
    client = kind(address, credential=token, options=QUICK)
    client.track("login")
    assert await settled(client.flush())
    assert client.counts.acknowledged == 1
    await settled(client.close())


async def test_a_server_that_stops_with_a_call_in_hand_is_asked_again(kind: Kind) -> None:
    server = IngestServicer()
    server.answers = [stalling(1.0)]
    client = kind(NOWHERE, options=Options(backoff_base=0.05, backoff_cap=0.2))
    with serving(server) as address:
        port = int(address.rpartition(":")[2])
        client = kind(address, options=Options(backoff_base=0.05, backoff_cap=0.2))
        client.track_export("report", "pdf")
        await asyncio.sleep(0.3)
    with serving(server, port):
        assert await settled(client.flush())
    assert client.counts == Counts(sent=1, acknowledged=1)
    await settled(client.close())


async def test_without_a_server_close_ends_in_time_and_hands_everything_back(kind: Kind) -> None:
    back: list[Event] = []
    client = kind(NOWHERE, on_drop=lambda event, _: back.append(event))
    for _ in range(70):
        client.track("login")
    began = time.monotonic()
    assert not await settled(client.close(timeout=0.5))
    assert time.monotonic() - began < 2.0
    assert client.counts == Counts(sent=70, dropped=70)
    assert len({event.event_id for event in back}) == 70


async def test_with_a_spool_the_next_client_delivers_what_this_one_could_not(
    kind: Kind, address: str, server: IngestServicer, tmp_path: Path
) -> None:
    spool = SpoolOptions(directory=tmp_path / "spool")
    options = Options(spool=spool, max_queue_events=100)
    first = kind(NOWHERE, options=options)
    ids = [first.track("login") for _ in range(700)]
    assert first.counts.spooled == 600
    assert not await settled(first.close(timeout=0.2))
    assert first.counts == Counts(sent=700, spooled=700)
    second = kind(address, options=options)
    assert await settled(second.close())
    assert second.counts == Counts(sent=700, acknowledged=700)
    assert set(server.stored) == set(ids)
    assert left_in(tmp_path / "spool") == []


async def test_a_server_that_comes_back_gets_what_waited_on_disk(
    kind: Kind, server: IngestServicer, tmp_path: Path
) -> None:
    with serving(server) as address:
        port = int(address.rpartition(":")[2])
    options = Options(
        spool=SpoolOptions(directory=tmp_path, segment_bytes=10_000),
        max_queue_events=100,
        backoff_base=0.05,
        backoff_cap=0.2,
    )
    client = kind(address, options=options)
    for _ in range(1000):
        client.track("login")
    with serving(server, port):
        assert await settled(client.flush())
        assert client.counts == Counts(sent=1000, acknowledged=1000)
        await settled(client.close())
    assert left_in(tmp_path) == []


async def test_a_host_that_wants_errors_gets_them(kind: Kind, address: str) -> None:
    client = kind(address, raise_errors=True)
    client.track("unknown")
    with pytest.raises(NotDelivered):
        await settled(client.flush())
    client.track("login")
    assert await settled(client.close())


async def test_a_closed_client_takes_nothing_and_closes_twice(kind: Kind, address: str) -> None:
    client = kind(address)
    assert await settled(client.close())
    assert await settled(client.close())
    assert client.track("login") is None
    assert client.counts == Counts(sent=1, dropped=1)


async def test_a_callback_may_track_and_flush(kind: Kind, address: str) -> None:
    client: Client | AsyncClient

    def track_again(_: Event, __: EventResult) -> None:
        client.track("login")
        if isinstance(client, Client):
            client.flush()

    client = kind(address, on_reject=track_again)
    client.track("unknown")
    assert await settled(client.flush())
    assert await settled(client.close())
    assert client.counts == Counts(sent=2, acknowledged=1, rejected=1)


def test_an_asyncio_client_may_be_used_before_its_loop_and_in_the_next_one(
    address: str, server: IngestServicer
) -> None:
    client = AsyncClient(address)
    client.track_export("report", "pdf")

    async def flush() -> None:
        client.track("login")
        assert await client.flush()

    asyncio.run(flush())
    asyncio.run(flush())
    assert asyncio.run(client.close())
    assert client.counts == Counts(sent=3, acknowledged=3)
    assert len(server.stored) == 3

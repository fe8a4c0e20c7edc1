"""What is too large, compressed or not, is refused before it takes memory."""

from __future__ import annotations

import asyncio
import gzip
import os
import struct
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode, aio

from footfall.events.v1 import event_ingest_pb2
from shared.rpc.life import Life
from tests.http2 import grpc_call
from tests.programs import program
from tests.serving import Running, Unused, path, refusal, serving

MIB = 1024 * 1024


class Handlers(Unused):
    """Answers."""

    async def ListEvents(self, _request: Any, _call: Any) -> Any:
        return event_ingest_pb2.ListEventsResponse()


async def test_a_message_beyond_four_mebibytes_is_permanently_refused() -> None:
    """Test 16: RESOURCE_EXHAUSTED without RetryInfo, for a retry would not help."""
    async with serving(ingest=Handlers()) as server:
        told = await refusal(server.unary("ListEvents", b"\x0a" + b"\x00" * (5 * MIB)))
        assert (told.code, told.retry_after) == (StatusCode.RESOURCE_EXHAUSTED, None)
        await server.unary("ListEvents")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_fifty_gzip_bombs_at_once_cost_no_memory() -> None:
    """Test 17: 200 MiB each; refused while unpacking, the process grows by less than 64 MiB."""
    packed = gzip.compress(b"\x00" * (200 * MIB), 6)
    body = b"\x01" + struct.pack(">I", len(packed)) + packed
    headers = [("grpc-encoding", "gzip"), ("authorization", "Bearer olga")]
    async with program("tests.tiny_service") as tiny:
        await tiny.heard("state")
        async with aio.insecure_channel(tiny.address) as channel:
            server = Running(Life(), channel, None)  # type: ignore[arg-type]
            await server.unary("ListEvents")
            before = _resident(tiny.process.pid)
            bombs = asyncio.gather(
                *(grpc_call(tiny.address, path("ListEvents"), body, headers) for _ in range(50))
            )
            peak = before
            async with asyncio.timeout(30):
                while not bombs.done():
                    peak = max(peak, _resident(tiny.process.pid))
                    await asyncio.sleep(0.01)
            assert peak - before < 64 * MIB
            await server.unary("ListEvents")
    assert [one for one in tiny.events() if one["level"] == "error"] == []


async def test_what_unpacks_beyond_the_limit_is_refused_like_what_is_sent_beyond_it() -> None:
    """Test 17, the answer: RESOURCE_EXHAUSTED without RetryInfo."""
    async with serving(ingest=Handlers()) as server:
        told = await refusal(
            server.unary("ListEvents", b"\x00" * (5 * MIB), compression=grpc.Compression.Gzip)
        )
        assert (told.code, told.retry_after) == (StatusCode.RESOURCE_EXHAUSTED, None)


async def test_oversized_metadata_is_refused() -> None:
    """Test 21: by the client's peer limit or by ours, and the next call is fine."""
    async with serving(ingest=Handlers()) as server:
        for metadata in (
            (("x-large", "x" * 20_000),),
            tuple((f"x-{number}", "x" * 20) for number in range(1000)),
        ):
            told = await refusal(server.unary("ListEvents", metadata=metadata))
            assert told.code is StatusCode.RESOURCE_EXHAUSTED
        await server.unary("ListEvents")


async def test_a_compressed_request_within_the_limit_is_read() -> None:
    async with serving(ingest=Handlers()) as server:
        await server.unary("ListEvents", compression=grpc.Compression.Gzip)


def _resident(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

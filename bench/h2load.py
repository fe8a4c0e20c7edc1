"""Unary load from `h2load`, which costs little beside the server: one prepared body, many times.

Every call carries the same bytes, so the event in them has no id: the server gives each a new one
and stores it. h2load does not read gRPC's status; what was stored is counted afterwards.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import struct
import tempfile
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from bench.claim import Skipped, WrongCount
from bench.program import Program
from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1.event_pb2 import Event

INGEST_EVENT = "/footfall.events.v1.EventIngestService/IngestEvent"
_PER_CONNECTION = 32  # of the 100 that one may have: those just ended still count for a moment

BODY = pb.IngestEventRequest(
    event=Event(
        type="feature_used",
        user_id="user-4711",
        session_id="session-7",
        feature="reports",
        properties_json='{"origin":"JFK","destination":"LAX","minutes":42}',
    )
).SerializeToString()


@dataclass(frozen=True, slots=True)
class Fired:
    """What a run of calls came to."""

    calls: int
    per_second: float
    cpu_us: float
    """Microseconds of the server's CPU per call."""
    p99_ms: float


async def fire(
    server: Program,
    path: str,
    *,
    key: str,
    calls: int,
    in_flight: int,
    address: str = "",
    connections: int = 0,
    message: bytes = BODY,
) -> Fired:
    """So many calls of one method; every one must be answered with 200."""
    require()
    connections = connections or ceil(in_flight / _PER_CONNECTION)
    with tempfile.NamedTemporaryFile() as body, tempfile.NamedTemporaryFile() as log:
        body.write(struct.pack(">BI", 0, len(message)) + message)
        body.flush()
        before = server.cpu_seconds()
        said = await _run(
            ["-n", str(calls), "-c", str(connections), "-m", str(in_flight // connections),
             "-d", body.name, f"--log-file={log.name}",
             "-H", "content-type: application/grpc", "-H", "te: trailers",
             "-H", f"authorization: Bearer {key}", f"http://{address or server.address}{path}"]
        )  # fmt: skip
        spent = server.cpu_seconds() - before
        p99_ms = _p99_ms(Path(log.name))
    succeeded = int(_found(r"(\d+) succeeded", said))
    if succeeded != calls:
        raise WrongCount(f"{calls - succeeded} of {calls} calls failed:\n{said}")
    return Fired(calls, float(_found(r"([\d.]+) req/s", said)), spent / calls * 1e6, p99_ms)


def require() -> None:
    if shutil.which("h2load") is None:
        raise Skipped("needs h2load; on Debian and Ubuntu: apt install nghttp2-client")


def _p99_ms(log: Path) -> float:
    """Of lines that end with the microseconds that a call took."""
    took = sorted(int(line.rsplit("\t", 1)[1]) for line in log.read_text("ascii").splitlines())
    return took[len(took) * 99 // 100] / 1000


async def _run(arguments: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        "h2load", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return output.decode()


def _found(pattern: str, said: str) -> str:
    match = re.search(pattern, said)
    if match is None:
        raise RuntimeError(f"h2load said something else:\n{said}")
    return match[1]

"""Load in batches: prepared calls of 500 events with ids of their own, four in flight.

The bodies are made before the clock starts and the answers read after it stops, so that this
process takes next to nothing of the cores that the server and Postgres need.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from grpc import aio

from bench.claim import WrongCount
from bench.ground import Base
from bench.program import Program
from footfall.events.v1 import event_ingest_pb2 as pb
from shared import ids

SIZE = 500
USERS = 1000
_IN_FLIGHT = 4
_PATH = "/footfall.events.v1.EventIngestService/IngestEvents"
_TYPES = ("page_view", "feature_used", "tool_usage", "export_action", "navigation", "login")
_LOOK_BACK_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A call to come: its bytes, and the ids in it."""

    ids: Sequence[bytes]
    body: bytes


def batch(version: int = 7) -> Batch:
    """500 events of the last minute, from a thousand users; as good as every second row of the
    days of users is written by a batch."""
    request, new = pb.IngestEventsRequest(), []
    for _ in range(SIZE):
        occurred_us = time.time_ns() // 1000 - random.randrange(_LOOK_BACK_US)
        event_id = uuid.uuid4().bytes if version == 4 else ids.uuid7(occurred_us // 1000)
        _fill(request.events.add(), event_id, occurred_us)
        new.append(event_id)
    return Batch(new, request.SerializeToString())


def _fill(event: Any, event_id: bytes, occurred_us: int) -> None:
    user = random.randrange(USERS)
    event.event_id = ids.text(event_id)
    event.type = random.choice(_TYPES)
    event.occurred_at.seconds, micros = divmod(occurred_us, 1_000_000)
    event.occurred_at.nanos = micros * 1000
    event.user_id = f"user-{user}"
    event.session_id = f"session-{user}"
    event.feature = f"feature-{random.randrange(20)}"
    event.properties_json = f'{{"origin":"JFK","destination":"LAX","minutes":{user}}}'


class Sender:
    """A channel to the server, and the account of what it acknowledged."""

    def __init__(self, channel: aio.Channel, key: str) -> None:
        self._call: Any = channel.unary_unary(_PATH)  # bytes in, bytes out
        self._metadata = (("authorization", f"Bearer {key}"),)
        self.accepted = 0

    async def send(self, batches: Sequence[Batch]) -> float:
        """Events per second; every one must be accepted."""
        left, answers = iter(batches), []

        async def worker() -> None:
            for one in left:
                answers.append(await self._call(one.body, metadata=self._metadata))  # noqa: PERF401

        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(_IN_FLIGHT)))
        seconds = time.perf_counter() - began
        accepted = sum(map(_accepted, answers))
        if accepted != len(batches) * SIZE:
            raise WrongCount(f"{accepted} of {len(batches) * SIZE} events were accepted")
        self.accepted += accepted
        return accepted / seconds


def _accepted(answer: bytes) -> int:
    results = pb.IngestEventsResponse.FromString(answer).results
    return sum(result.verdict == pb.VERDICT_ACCEPTED for result in results)


@asynccontextmanager
async def sending(base: Base, server: Program) -> AsyncIterator[Sender]:
    async with aio.insecure_channel(server.address) as channel:
        yield Sender(channel, base.key)

"""How fast an installation takes events in: single ones and batches, each with its own clock.

The calls are made before the clock starts and judged after it stops: this program shares its
machine with the service more often than not.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

from footfall.events.v1.event_ingest_pb2 import (
    IngestEventRequest,
    IngestEventResponse,
    IngestEventsRequest,
    IngestEventsResponse,
    Verdict,
)
from footfall.events.v1.event_pb2 import Event
from footfall_client.retry import failure_of
from services.cli.calling import Caller
from services.cli.tally import VERDICT_STYLES
from shared import ids

_SERVICE = "/footfall.events.v1.EventIngestService"
_TYPES = ("page_view", "feature_used", "tool_usage", "navigation")
_PERCENTILES = (50, 95, 99)
_PREFIX = "VERDICT_"

Report = Callable[[float], None]
"""Hears of events as their calls end."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many events, in calls of `size`, of which `in_flight` are on their way at once."""

    events: int
    size: int
    in_flight: int


@dataclass(slots=True)
class Measured:
    """What a load came to. An event whose call failed has no verdict."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        """Events that got a verdict, by the second."""
        return self.verdicts.total() / self.seconds if self.seconds else 0.0

    def milliseconds(self, percentile: float) -> float:
        """So many of a hundred calls took no longer than this."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        place = min(len(ordered) - 1, int(len(ordered) * percentile / 100))
        return round(ordered[place] * 1000, 2)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "calls": len(self.latencies) + self.failures.total(),
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.per_second, 1),
            "latency_ms": {f"p{p}": self.milliseconds(p) for p in _PERCENTILES},
            "verdicts": {name: self.verdicts[name] for name in VERDICT_STYLES},
            "failures": dict(self.failures),
        }


async def measure(caller: Caller, load: Load, users: int, report: Report) -> Measured:
    """Send the load once. Calls that fail are counted by their code, not tried again."""
    single = load.size == 1
    path = f"{_SERVICE}/{'IngestEvent' if single else 'IngestEvents'}"
    verdicts = _verdict_of_one if single else _verdicts_of_batch
    bodies = iter(_bodies(load, users))
    measured, answers = Measured(), []

    async with caller.channel() as channel:
        call: Any = channel.unary_unary(path)  # bytes both ways

        async def send() -> None:
            for body, events in bodies:
                began = time.perf_counter()
                try:
                    answers.append(await call(body, metadata=caller.metadata))
                except grpc.aio.AioRpcError as error:
                    measured.failures[str(failure_of(error))] += 1
                else:
                    measured.latencies.append(time.perf_counter() - began)
                report(events)

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(load.in_flight)))
        measured.seconds = time.perf_counter() - began
    for answer in answers:
        measured.verdicts.update(verdicts(answer))
    return measured


def _bodies(load: Load, users: int) -> list[tuple[bytes, int]]:
    bodies = []
    for begin in range(0, load.events, load.size):
        events = [_event(users) for _ in range(min(load.size, load.events - begin))]
        request: IngestEventRequest | IngestEventsRequest = (
            IngestEventRequest(event=events[0])
            if load.size == 1
            else IngestEventsRequest(events=events)
        )
        bodies.append((request.SerializeToString(), len(events)))
    return bodies


def _event(users: int) -> Event:
    user = random.randrange(users)  # noqa: S311 - load, not secrets
    return Event(
        event_id=ids.text(ids.uuid7(time.time_ns() // 1_000_000)),
        type=random.choice(_TYPES),  # noqa: S311
        user_id=f"bench-user-{user}",
        session_id=f"bench-session-{user}",
        feature="bench",
        properties_json='{"source":"footfall bench ingest"}',
    )


def _verdict_of_one(answer: bytes) -> Sequence[str]:
    return [_name(IngestEventResponse.FromString(answer).verdict)]


def _verdicts_of_batch(answer: bytes) -> Sequence[str]:
    return [_name(one.verdict) for one in IngestEventsResponse.FromString(answer).results]


def _name(verdict: Verdict.ValueType) -> str:
    return Verdict.Name(verdict).removeprefix(_PREFIX).lower()

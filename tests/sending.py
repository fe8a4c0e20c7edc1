"""Senders that keep a log of what they were told, and the checker that compares it with the store.

In the words of Jepsen: each event ends as ok (acknowledged), fail (refused) or unknown. After
recovery nothing acknowledged may be lost, nothing may be there twice, and nothing may be there that
nobody sent.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import grpc

from footfall.events.v1 import event_ingest_pb2 as pb
from tests.ingesting import Caller, event, refusal
from tests.organisations import Organisation


@dataclass
class Log:
    """What the senders were told, by event id."""

    ok: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    unavailable: list[float | None] = field(default_factory=list)
    """The RetryInfo of each UNAVAILABLE that the service itself sent."""


class Senders:
    """Writers in threads, half of them one by one, half in batches, until told to stop."""

    def __init__(self, make_caller: Callable[[], Caller], count: int = 4) -> None:
        self.log = Log()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(make_caller(), number % 2 == 0))
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _send(self, caller: Caller, batches: bool) -> None:  # noqa: FBT001
        while not self._stop.is_set():
            events = [event(user_id="mia") for _ in range(50 if batches else 1)]
            ids = {one.event_id for one in events}
            try:
                if batches:
                    caller.call("IngestEvents", pb.IngestEventsRequest(events=events), timeout=5)
                else:
                    caller.call("IngestEvent", pb.IngestEventRequest(event=events[0]), timeout=5)
            except grpc.RpcError as error:
                self._failed(error, ids)
                self._stop.wait(random.uniform(0.001, 0.02))
            else:
                with self._lock:
                    self.log.ok |= ids

    def _failed(self, error: grpc.RpcError, ids: set[str]) -> None:
        with self._lock:
            self.log.unknown |= ids
            if error.code() is grpc.StatusCode.UNAVAILABLE and _from_the_service(error):
                self.log.unavailable.append(refusal(error).retry_seconds)


def _from_the_service(error: grpc.RpcError) -> bool:
    """Ours carries details; a refused connection does not."""
    trailers: Any = error.trailing_metadata() or ()
    return any(key == "grpc-status-details-bin" for key, _ in trailers)


@dataclass(frozen=True)
class Checked:
    """What the store holds against the log; all but `recovered` must be empty."""

    lost: set[str]
    duplicated: set[str]
    unexpected: set[str]
    recovered: set[str]
    """Of unknown fate, and there."""


def check(organisation: Organisation, log: Log) -> Checked:
    rows = organisation.database.execute(
        "SELECT event_id, count(*) FROM app.events WHERE org_id = %s GROUP BY event_id",
        organisation.org_id,
    )
    stored = {str(UUID(str(row[0]))): row[1] for row in rows}
    return Checked(
        lost=log.ok - stored.keys(),
        duplicated={one for one, count in stored.items() if count > 1},
        unexpected=stored.keys() - log.ok - log.unknown,
        recovered=log.unknown & stored.keys(),
    )


def assert_nothing_is_wrong(organisation: Organisation, log: Log) -> Checked:
    found = check(organisation, log)
    assert not found.lost, f"{len(found.lost)} of {len(log.ok)} acknowledged events are lost"
    assert not found.duplicated
    assert not found.unexpected
    query = "SELECT coalesce(sum(events), 0)::int FROM app.{} WHERE org_id = %s"
    stored = organisation.database.execute(
        "SELECT count(*)::int FROM app.events WHERE org_id = %s", organisation.org_id
    )
    for table in ("event_hourly", "user_day"):
        counted = organisation.database.execute(query.format(table), organisation.org_id)
        assert counted == stored, f"{table} does not add up"
    return found

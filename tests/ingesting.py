"""A real event-ingest process on a database of the test's own, and callers of it.

Each test takes organisations of its own, so one process serves all tests of a worker.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from footfall.events.v1 import (
    event_ingest_pb2 as pb,
)
from footfall.events.v1 import (
    event_ingest_pb2_grpc,
    event_pb2,
    event_types_pb2_grpc,
)
from shared import ids
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase

_START_SECONDS = 20.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Ingest:
    """A running service; `restart` and `kill` are for tests that have one of their own."""

    database: MigratedDatabase
    port: int
    environment: Mapping[str, str]
    log: Path = Path(os.devnull)
    process: subprocess.Popen[bytes] = field(init=False)
    module: ClassVar[str] = "services.event_ingest"
    metrics_port: ClassVar[str] = "FOOTFALL_EVENT_INGEST_METRICS_PORT"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def numbers(self) -> Mapping[str, float]:
        """What Prometheus would see, by name and labels as they are written there."""
        port = self.environment[self.metrics_port]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            page: str = answer.read().decode()
        lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {name: float(number) for name, _, number in lines}

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env={**os.environ, **self.environment},
                stderr=log,
            )
        wait_for_serving(self.address, self.process)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(timeout=30)

    def caller(self, organisation: Organisation, subject: str = "backend", **key: Any) -> Caller:
        return Caller(self.address, organisation.api_key(subject, **key))


class Caller:
    """Someone with an API key."""

    def __init__(self, address: str, bearer: str) -> None:
        self.channel = grpc.insecure_channel(address, _OPTIONS)
        self.metadata = (("authorization", f"Bearer {bearer}"),)
        self.events: Any = event_ingest_pb2_grpc.EventIngestServiceStub(self.channel)
        self.types: Any = event_types_pb2_grpc.EventTypeServiceStub(self.channel)

    def ingest(self, *events: event_pb2.Event) -> list[pb.EventResult]:
        """The results of a batch."""
        return list(self.call("IngestEvents", pb.IngestEventsRequest(events=events)).results)

    def verdicts(self, *events: event_pb2.Event) -> list[str]:
        return [pb.Verdict.Name(one.verdict)[8:] for one in self.ingest(*events)]

    def listed(self, **request: Any) -> list[event_pb2.Event]:
        """All events that match, page by page."""
        found: list[event_pb2.Event] = []
        token = ""
        while True:
            asked = pb.ListEventsRequest(page_token=token, **request)
            page = self.call("ListEvents", asked)
            found += [stored.event for stored in page.events]
            token = page.next_page_token
            if not token:
                return found

    def call(self, method: str, request: Any, **options: Any) -> Any:
        """Call a method of either service by its name."""
        stub = self.events if hasattr(self.events, method) else self.types
        return getattr(stub, method)(request, metadata=self.metadata, **{"timeout": 20, **options})


_OPTIONS = (("grpc.enable_http_proxy", 0),)


def event(kind: str = "feature_used", **fields: Any) -> event_pb2.Event:
    """An event of now with a new v7 id, unless the fields say otherwise."""
    fields.setdefault("event_id", new_id())
    return event_pb2.Event(type=kind, **fields)


def new_id(ago_seconds: float = 0.0) -> str:
    return ids.text(ids.uuid7(int((time.time() - ago_seconds) * 1000)))


def at(ago_seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(int((time.time() - ago_seconds) * 1_000_000))
    return moment


@dataclass(frozen=True)
class Refused:
    """How a call failed, with its typed details."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: Mapping[str, str]
    violations: Mapping[str, str]
    retry_seconds: float | None


def refusal(error: grpc.RpcError) -> Refused:
    status = rpc_status.from_call(cast("grpc.Call", error))
    assert status is not None, error
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    kinds = [detail.TypeName() for detail in status.details]
    assert kinds.count("google.rpc.ErrorInfo") == 1
    retry_seconds = None
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return Refused(
        error.code(),
        error.details() or "",
        info.reason,
        dict(info.metadata),
        {one.field: one.description for one in bad.field_violations},
        retry_seconds,
    )


def wait_for_serving(address: str, process: subprocess.Popen[bytes] | None = None) -> None:
    request = health_pb2.HealthCheckRequest().SerializeToString()
    deadline = time.monotonic() + _START_SECONDS
    with grpc.insecure_channel(address, _OPTIONS) as channel:
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        while time.monotonic() < deadline:
            if process is not None and process.poll() is not None:
                raise AssertionError(f"the service ended with {process.returncode}")
            try:
                answer = check(request, timeout=1, wait_for_ready=True)
                if health_pb2.HealthCheckResponse.FromString(answer).status == 1:
                    return
            except grpc.RpcError:
                pass
            time.sleep(0.05)
    raise AssertionError("the service does not serve")


@contextmanager
def running_ingest(
    database: MigratedDatabase, log: Path = Path(os.devnull), **environment: str
) -> Iterator[Ingest]:
    """The service on this database, on free ports."""
    settings = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_EVENT_INGEST_PORT": str(port := free_port()),
        "FOOTFALL_EVENT_INGEST_METRICS_PORT": str(free_port()),
        "FOOTFALL_EVENT_INGEST_DATABASE_URL": database.urls["footfall_event_ingest"],
        "FOOTFALL_LOG_LEVEL": "error",
        **environment,
    }
    ingest = Ingest(database, port, settings, log)
    ingest.start()
    try:
        yield ingest
    finally:
        if ingest.process.poll() is None:
            ingest.stop(signal.SIGKILL)


def organisations(database: MigratedDatabase, count: int) -> Sequence[Organisation]:
    return [add_organisation(database, f"Organisation {number}") for number in range(count)]


@contextmanager
def running_folding(database: MigratedDatabase, log: Path = Path(os.devnull)) -> Iterator[None]:
    """The worker of event-ingest on this database."""
    settings = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_EVENT_INGEST_WORKER_METRICS_PORT": "0",
        "FOOTFALL_EVENT_INGEST_DATABASE_URL": database.urls["footfall_event_ingest"],
        "FOOTFALL_MAINTENANCE_DATABASE_URL": database.urls["footfall_maintenance"],
        "FOOTFALL_LOG_LEVEL": "error",
    }
    with log.open("ab") as said:
        worker = subprocess.Popen(
            [sys.executable, "-m", "services.event_ingest.worker"],
            env={**os.environ, **settings},
            stderr=said,
        )
    try:
        yield
    finally:
        worker.kill()
        worker.wait(timeout=30)

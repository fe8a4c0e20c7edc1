"""A real journey process and its worker on a database of the test's own, and callers of it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import grpc

from footfall.journey.v1 import journey_service_pb2_grpc
from tests.ingesting import Ingest, free_port
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.programs import Program, program

WORKER = "services.journey.worker"
NOWHERE = "127.0.0.1:1"
"""Where nobody listens: insight is away, unless the environment says where it is."""


@dataclass
class Journey(Ingest):
    """A running journey service."""

    module: ClassVar[str] = "services.journey"
    metrics_port: ClassVar[str] = "FOOTFALL_JOURNEY_METRICS_PORT"

    def traveller(
        self, organisation: Organisation, subject: str = "backend", **key: Any
    ) -> Traveller:
        """Someone with an API key of the organisation: role `service`, unless `key` says else."""
        return Traveller(self.address, organisation.api_key(subject, **key))


class Traveller:
    """Someone who calls journey."""

    def __init__(self, address: str, bearer: str) -> None:
        self.channel = grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),))
        self.metadata = (("authorization", f"Bearer {bearer}"),)
        self._stub: Any = journey_service_pb2_grpc.JourneyServiceStub(self.channel)

    def call(self, method: str, request: Any, **options: Any) -> Any:
        """Call a method by its name; a stream for those that stream."""
        return getattr(self._stub, method)(
            request, metadata=self.metadata, **{"timeout": 20, **options}
        )


@contextmanager
def running_journey(
    database: MigratedDatabase, log: Path = Path(os.devnull), **environment: str
) -> Iterator[Journey]:
    """The service on this database, on free ports."""
    settings = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_JOURNEY_PORT": str(port := free_port()),
        "FOOTFALL_JOURNEY_METRICS_PORT": str(free_port()),
        "FOOTFALL_JOURNEY_DATABASE_URL": database.urls["footfall_journey"],
        "FOOTFALL_INSIGHT_ADDRESS": NOWHERE,
        "FOOTFALL_LOG_LEVEL": "error",
        **environment,
    }
    journey = Journey(database, port, settings, log)
    journey.start()
    try:
        yield journey
    finally:
        if journey.process.poll() is None:
            journey.stop(signal.SIGKILL)


@asynccontextmanager
async def running_journey_worker(
    database: MigratedDatabase, **environment: str
) -> AsyncIterator[Program]:
    """The worker on this database, once it works."""
    environ = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_JOURNEY_WORKER_METRICS_PORT": "0",
        "FOOTFALL_JOURNEY_DATABASE_URL": database.urls["footfall_journey"],
        "FOOTFALL_MAINTENANCE_DATABASE_URL": database.urls["footfall_maintenance"],
        "FOOTFALL_INSIGHT_ADDRESS": NOWHERE,
        **environment,
    }
    async with program(WORKER, environ=environ) as running:
        await running.heard("working")
        yield running

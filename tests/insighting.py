"""A real insight process beside a real event-ingest on one database, and callers of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import grpc

from footfall.insights.v1 import insight_service_pb2_grpc
from tests.ingesting import Ingest, free_port
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase


@dataclass
class Insight(Ingest):
    """A running insight service."""

    module: ClassVar[str] = "services.insight"

    def asker(self, organisation: Organisation, subject: str = "backend", **key: Any) -> Asker:
        """Someone with an API key of the organisation: role `service`, unless `key` says else."""
        return Asker(self.address, organisation.api_key(subject, **key))


class Asker:
    """Someone who asks insight."""

    def __init__(self, address: str, bearer: str) -> None:
        self.channel = grpc.insecure_channel(address, (("grpc.enable_http_proxy", 0),))
        self.metadata = (("authorization", f"Bearer {bearer}"),)
        self._stub: Any = insight_service_pb2_grpc.InsightServiceStub(self.channel)

    def call(self, method: str, request: Any, **options: Any) -> Any:
        """Call a method by its name; a stream for those that stream."""
        return getattr(self._stub, method)(
            request, metadata=self.metadata, **{"timeout": 20, **options}
        )


@contextmanager
def running_insight(
    database: MigratedDatabase, log: Path = Path(os.devnull), **environment: str
) -> Iterator[Insight]:
    """The service on this database, on free ports."""
    settings = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_INSIGHT_PORT": str(port := free_port()),
        "FOOTFALL_INSIGHT_METRICS_PORT": str(free_port()),
        "FOOTFALL_INSIGHT_DATABASE_URL": database.urls["footfall_insight"],
        "FOOTFALL_LOG_LEVEL": "error",
        **environment,
    }
    insight = Insight(database, port, settings, log)
    insight.start()
    try:
        yield insight
    finally:
        if insight.process.poll() is None:
            insight.stop(signal.SIGKILL)

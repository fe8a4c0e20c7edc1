"""A service that keeps nothing, as a program of its own: `python -m tests.tiny_service`.

It is wired like a real one, so that signals, exit codes, logs and TLS can be tried from outside.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from footfall.events.v1 import event_ingest_pb2
from shared.program import run
from shared.refusal import StartRefused
from shared.rpc.server import serve
from shared.settings import Settings
from tests.serving import Unused, service


class Handlers(Unused):
    """Takes a moment for each event, and tails until it is told to stop."""

    async def IngestEvent(self, request: Any, _call: Any) -> Any:
        await asyncio.sleep(0.05)
        if request.event.user_id == "hunter2":
            raise RuntimeError(f"no place for {request.event.user_id}\nand a second line")
        return event_ingest_pb2.IngestEventResponse(event_id=request.event.event_id)

    async def ListEvents(self, _request: Any, _call: Any) -> Any:
        return event_ingest_pb2.ListEventsResponse()

    async def TailEvents(self, _request: Any, call: Any) -> AsyncIterator[Any]:
        yield event_ingest_pb2.TailEventsResponse(resume_token="first")
        await call.server_stopping.wait()


async def startup() -> None:
    if what := os.environ.get("TINY_REFUSES"):
        raise StartRefused(what)
    await asyncio.sleep(float(os.environ.get("TINY_STARTS_IN", "0")))


async def main(settings: Settings) -> None:
    own = settings.event_ingest
    ports = {"port": own.port, "metrics_port": own.metrics_port}
    await serve(service(ingest=Handlers(), startup=startup, **ports), settings)


if __name__ == "__main__":
    sys.exit(run(main))

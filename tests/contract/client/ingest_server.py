"""A small EventIngestService for the transport's sake: it remembers ids, in a file if told to.

It stands in for the real one where a test must kill, stall or misbehave at will:
`python -m tests.contract.client.ingest_server PORT FILE`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.events.v1.event_pb2 import Event

Answer = Callable[[pb.IngestEventsRequest, grpc.ServicerContext], pb.IngestEventsResponse | None]


class IngestServicer:
    """Event ids to contents. `answers` are used up first, one a call; None falls through."""

    def __init__(self, file: Path | None = None) -> None:
        self.stored: dict[str, bytes] = {}
        self.batches: list[list[Event]] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.answers: list[Answer] = []
        self._lock = threading.Lock()
        self._file = file.open("ab") if file else None
        if self._file and file:
            content = file.read_bytes()
            self._file.truncate(content.rfind(b"\n") + 1)  # what a death in mid-write has torn
            self.stored = dict.fromkeys(content.decode().split("\n")[:-1], b"")

    def IngestEvents(
        self, request: pb.IngestEventsRequest, context: grpc.ServicerContext
    ) -> pb.IngestEventsResponse:
        with self._lock:
            self.metadata.append({item[0]: item[1] for item in context.invocation_metadata()})
            answer = self.answers.pop(0) if self.answers else None
        if answer and (response := answer(request, context)):
            return response
        with self._lock:
            self.batches.append(list(request.events))
            results = [self._judge(event) for event in request.events]
            self._keep(result.event_id for result in results if result.verdict == 1)
        return pb.IngestEventsResponse(results=results)

    def _judge(self, event: Event) -> pb.EventResult:
        content = event.SerializeToString(deterministic=True)
        if event.type == "unknown":
            verdict, reason = pb.VERDICT_REJECTED, "UNKNOWN_EVENT_TYPE"
        elif event.event_id not in self.stored:
            self.stored[event.event_id] = content
            verdict, reason = pb.VERDICT_ACCEPTED, ""
        elif self.stored[event.event_id] in (b"", content):
            verdict, reason = pb.VERDICT_DUPLICATE, ""
        else:
            verdict, reason = pb.VERDICT_CONFLICT, "EVENT_CONFLICT"
        return pb.EventResult(event_id=event.event_id, verdict=verdict, reason=reason)

    def _keep(self, ids: Iterator[str]) -> None:
        if self._file:
            self._file.write("".join(f"{event_id}\n" for event_id in ids).encode())
            self._file.flush()


@contextmanager
def serving(
    servicer: IngestServicer, port: int = 0, credentials: grpc.ServerCredentials | None = None
) -> Iterator[str]:
    """Serve on loopback; yields the address."""
    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)],
    )
    ingest_events = grpc.unary_unary_rpc_method_handler(
        servicer.IngestEvents,
        request_deserializer=pb.IngestEventsRequest.FromString,
        response_serializer=pb.IngestEventsResponse.SerializeToString,
    )
    service = pb.DESCRIPTOR.services_by_name["EventIngestService"].full_name
    handler = grpc.method_handlers_generic_handler(service, {"IngestEvents": ingest_events})
    server.add_generic_rpc_handlers((handler,))
    place = f"127.0.0.1:{port}"
    if credentials is None:
        bound = server.add_insecure_port(place)
    else:
        bound = server.add_secure_port(place, credentials)
    server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        server.stop(None).wait()


def main() -> None:
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    with serving(IngestServicer(file), port) as address:
        print(address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()

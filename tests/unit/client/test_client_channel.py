"""The client for threads over a channel of glass: what it calls, and when."""

from __future__ import annotations

from typing import Any

import grpc
import grpc_testing
import pytest

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall_client import Client, Counts, Options

SERVICE = pb.DESCRIPTOR.services_by_name["EventIngestService"]
METHOD = SERVICE.methods_by_name["IngestEvents"]


class GlassClient(Client):
    """Its calls are taken, and answered, by the test."""

    def __init__(self, options: Options | None = None) -> None:
        clock = grpc_testing.strict_real_time()
        self.glass: Any = grpc_testing.channel([SERVICE], clock)
        super().__init__("localhost:1", credential="key", options=options)

    def _new_channel(self) -> grpc.Channel:
        channel: grpc.Channel = self.glass
        return channel

    def taken(self) -> tuple[Any, pb.IngestEventsRequest, Any]:
        metadata, request, call = self.glass.take_unary_unary(METHOD)
        return metadata, pb.IngestEventsRequest.FromString(request), call


def accept(call: Any, request: pb.IngestEventsRequest) -> None:
    results = [pb.EventResult(verdict=pb.VERDICT_ACCEPTED) for _ in request.events]
    call.send_initial_metadata(())
    call.terminate(pb.IngestEventsResponse(results=results), (), grpc.StatusCode.OK, "")


@pytest.fixture
def client() -> GlassClient:
    return GlassClient(Options(backoff_base=0.01))


def test_the_credential_is_in_the_metadata_and_the_batch_in_the_request(
    client: GlassClient,
) -> None:
    client.track("login")
    client.track_export("report", "pdf")
    metadata, request, call = client.taken()
    assert ("authorization", "Bearer key") in metadata
    assert [event.type for event in request.events] == ["login", "export_action"]
    accept(call, request)
    assert client.close()
    assert client.counts == Counts(sent=2, acknowledged=2)


def test_two_batches_are_on_their_way_and_the_third_follows_the_first(
    client: GlassClient,
) -> None:
    flights = []
    for tool in ("first", "second"):
        client.track_export(tool, "pdf")
        flights.append(client.taken())
    client.track_export("third", "pdf")
    client.track_export("fourth", "pdf")
    accept(flights[0][2], flights[0][1])
    flights.append(client.taken())
    assert [event.feature for event in flights[2][1].events] == ["third", "fourth"]
    for _, request, call in flights[1:]:
        accept(call, request)
    assert client.close()


def test_a_retry_is_the_same_request(client: GlassClient) -> None:
    client.track_export("report", "pdf")
    _, request, call = client.taken()
    call.send_initial_metadata(())
    call.terminate(None, (), grpc.StatusCode.UNAVAILABLE, "away")
    _, again, call = client.taken()
    assert again == request
    accept(call, again)
    assert client.close()

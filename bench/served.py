"""The event-ingest service as it is wired, with two no-ops that no contract has.

`/footfall.bench.v1.BenchService/DoNothing` goes through the whole chain of the same server, takes
and gives the very messages of IngestEvent and is validated like it; only its handler does nothing.
The same handler without any chain listens on a port of its own, in the same process.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc import aio

from footfall.events.v1 import event_ingest_pb2 as pb
from footfall.options.v1 import options_pb2
from services.event_ingest import __main__ as event_ingest
from shared import program
from shared.identity.identity import Role
from shared.rpc.methods import Area
from shared.rpc.server import Service, serve

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.settings import Settings

PATH = "/footfall.bench.v1.BenchService/DoNothing"
_ANSWER = pb.IngestEventResponse(
    event_id="01902d5e-7a3b-7c4d-8e9f-a0b1c2d3e4f5", verdict=pb.VERDICT_ACCEPTED
)


class DoesNothing:
    """Answers as IngestEvent does, of nothing."""

    async def DoNothing(self, _: pb.IngestEventRequest, __: Call) -> pb.IngestEventResponse:
        return _ANSWER


def _area() -> Area:
    file = descriptor_pb2.FileDescriptorProto(
        name="footfall/bench/v1/bench.proto", package="footfall.bench.v1", syntax="proto3"
    )
    file.dependency.append(pb.DESCRIPTOR.name)
    method = file.service.add(name="BenchService").method.add(name="DoNothing")
    method.input_type = f".{pb.IngestEventRequest.DESCRIPTOR.full_name}"
    method.output_type = f".{pb.IngestEventResponse.DESCRIPTOR.full_name}"
    method.options.Extensions[options_pb2.scope] = "events:write"
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return Area(pool.FindServiceByName("footfall.bench.v1.BenchService"), DoesNothing())


async def _serve_with_no_ops(service: Service, settings: Settings) -> None:
    bare = await _bare()
    permitted = {**service.permitted, PATH: frozenset(Role)}
    areas = [*service.areas, _area()]
    try:
        await serve(dataclasses.replace(service, areas=areas, permitted=permitted), settings)
    finally:
        await bare.stop(None)


async def _bare() -> aio.Server:
    async def nothing(_: pb.IngestEventRequest, __: Any) -> pb.IngestEventResponse:
        return _ANSWER

    handler = grpc.unary_unary_rpc_method_handler(
        nothing, pb.IngestEventRequest.FromString, pb.IngestEventResponse.SerializeToString
    )
    server = aio.server(options=[("grpc.so_reuseport", 0)])
    service, name = PATH.strip("/").split("/")
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {name: handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    logging.getLogger("footfall.bench").info("bare", extra={"address": f"127.0.0.1:{port}"})
    return server


if __name__ == "__main__":
    # The wiring stays its own; only what it hands to `serve` gets a no-op more.
    vars(event_ingest)["serve"] = _serve_with_no_ops
    sys.exit(program.run(event_ingest.main))

"""The journey service as it is wired, with an RPC that no contract has: SELECT 1.

`/footfall.bench.v1.AskBenchService/SelectOne` takes the message of GetNextBestAction through the
whole chain of the same server, asks the database for 1 by the same door, in one round trip with the
tenant's identity, and answers with nothing.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pb2, descriptor_pool

from footfall.journey.v1 import actions_pb2 as pb
from footfall.options.v1 import options_pb2
from services.journey import __main__ as journey
from shared import program
from shared.database import Database, Statement
from shared.identity.identity import Role
from shared.rpc.methods import Area
from shared.rpc.server import Service, serve

if TYPE_CHECKING:
    from shared.rpc.call import Call
    from shared.settings import Settings

PATH = "/footfall.bench.v1.AskBenchService/SelectOne"


class SelectsOne:
    """Answers nothing, having asked the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def SelectOne(
        self, _: pb.GetNextBestActionRequest, call: Call
    ) -> pb.GetNextBestActionResponse:
        await self._database.in_one_round_trip([Statement(call.identity.tenant, "SELECT 1", ())])
        return pb.GetNextBestActionResponse()


def _area(database: Database) -> Area:
    file = descriptor_pb2.FileDescriptorProto(
        name="footfall/bench/v1/ask.proto", package="footfall.bench.v1", syntax="proto3"
    )
    file.dependency.append(pb.DESCRIPTOR.name)
    method = file.service.add(name="AskBenchService").method.add(name="SelectOne")
    method.input_type = f".{pb.GetNextBestActionRequest.DESCRIPTOR.full_name}"
    method.output_type = f".{pb.GetNextBestActionResponse.DESCRIPTOR.full_name}"
    method.options.Extensions[options_pb2.scope] = "journeys:read"
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    service = pool.FindServiceByName("footfall.bench.v1.AskBenchService")
    return Area(service, SelectsOne(database))


async def _serve_with_select(service: Service, settings: Settings) -> None:
    handlers = service.areas[0].handlers
    assert isinstance(handlers, journey.JourneyServiceHandlers)
    areas = [*service.areas, _area(handlers._parts.database)]
    permitted = {**service.permitted, PATH: frozenset(Role)}
    await serve(dataclasses.replace(service, areas=areas, permitted=permitted), settings)


if __name__ == "__main__":
    # The wiring stays its own; only what it hands to `serve` gets an RPC more.
    vars(journey)["serve"] = _serve_with_select
    sys.exit(program.run(journey.main))

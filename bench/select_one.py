"""A service as it is wired, with an RPC that no contract has: SELECT 1.

`/footfall.bench.v1.AskBenchService/SelectOne` takes the message of the RPC that it is compared with
through the whole chain of the same server, asks the database for 1 by the same door, in one round
trip with the tenant's identity, and answers with nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, LiteralString

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from footfall.options.v1 import options_pb2
from shared import program
from shared.database import Database, Statement
from shared.identity.identity import Role
from shared.rpc.methods import Area
from shared.rpc.server import Service, serve

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

    from shared.rpc.call import Call
    from shared.settings import Settings

PATH = "/footfall.bench.v1.AskBenchService/SelectOne"


def run(
    wiring: ModuleType,
    compared: MethodDescriptor,
    database_of: Callable[[Any], Database],
    statement: LiteralString = "SELECT 1",
) -> int:
    """Run the service until told to stop; its exit code.

    The wiring stays its own; only what it hands to `serve` gets an RPC more.
    """

    async def serve_with_select(service: Service, settings: Settings) -> None:
        database = database_of(service.areas[0].handlers)
        areas = [*service.areas, _area(compared, database, statement)]
        permitted = {**service.permitted, PATH: frozenset(Role)}
        await serve(dataclasses.replace(service, areas=areas, permitted=permitted), settings)

    vars(wiring)["serve"] = serve_with_select
    return program.run(wiring.main)


class _SelectsOne:
    """Answers nothing, having asked the database."""

    def __init__(self, database: Database, answer: type[Message], statement: LiteralString) -> None:
        self._database = database
        self._answer = answer
        self._statement = statement

    async def SelectOne(self, _: Message, call: Call) -> Message:
        asked = Statement(call.identity.tenant, self._statement, ())
        await self._database.in_one_round_trip([asked])
        return self._answer()


def _area(compared: MethodDescriptor, database: Database, statement: LiteralString) -> Area:
    asked, answered = compared.input_type, compared.output_type
    file = descriptor_pb2.FileDescriptorProto(
        name="footfall/bench/v1/ask.proto", package="footfall.bench.v1", syntax="proto3"
    )
    file.dependency.extend({asked.file.name, answered.file.name})
    method = file.service.add(name="AskBenchService").method.add(name="SelectOne")
    method.input_type, method.output_type = f".{asked.full_name}", f".{answered.full_name}"
    scope = compared.GetOptions().Extensions[options_pb2.scope]
    method.options.Extensions[options_pb2.scope] = scope
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    service = pool.FindServiceByName("footfall.bench.v1.AskBenchService")
    answer = message_factory.GetMessageClass(answered)
    return Area(service, _SelectsOne(database, answer, statement))

"""Somebody who listens where insight should be, and answers as it is told."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from footfall.insights.v1 import signals_pb2 as pb

Answer = Callable[[str, grpc.ServicerContext], bytes]
"""What a client id is answered with: bytes, be they what they may."""


def truly(client_id: str, _: Any = None) -> bytes:
    """The client uses features once; a quarter of all use fewer than ten times."""
    signals = pb.ClientSignals(client_id=client_id, feature_uses=1, feature_uses_p25=10)
    return pb.GetClientSignalsResponse(signals=signals).SerializeToString()


def with_noise(_: str, __: Any) -> bytes:
    return random.randbytes(200)


def of_another(_: str, __: Any) -> bytes:
    return truly("somebody-else")


def with_no_number(client_id: str, _: Any) -> bytes:
    signals = pb.ClientSignals(client_id=client_id, feature_uses_p25=float("nan"))
    return pb.GetClientSignalsResponse(signals=signals).SerializeToString()


def with_less_than_nothing(client_id: str, _: Any) -> bytes:
    signals = pb.ClientSignals(client_id=client_id, feature_uses=-1, feature_uses_p25=10)
    return pb.GetClientSignalsResponse(signals=signals).SerializeToString()


def with_nothing(_: str, __: Any) -> bytes:
    return b""


def slowly(client_id: str, context: grpc.ServicerContext) -> bytes:
    """Long after everybody has gone away."""
    for _ in range(600):
        if not context.is_active():
            break
        time.sleep(0.05)
    return truly(client_id)


def busily(_: str, context: grpc.ServicerContext) -> bytes:
    context.abort(grpc.StatusCode.UNAVAILABLE, "")
    raise AssertionError


GARBAGE: tuple[Answer, ...] = (
    with_noise,
    of_another,
    with_no_number,
    with_less_than_nothing,
    with_nothing,
)


@dataclass
class FakeInsight:
    """What it answers, and who asked."""

    address: str
    answer: Answer = truly
    asked: list[str] = field(default_factory=list)
    named_at_once: list[int] = field(default_factory=list)
    """How many clients each question about several named."""

    def one(self, raw: bytes, context: grpc.ServicerContext) -> bytes:
        client_id = pb.GetClientSignalsRequest.FromString(raw).client_id
        self.asked.append(client_id)
        return self.answer(client_id, context)

    def several(self, raw: bytes, context: grpc.ServicerContext) -> bytes:
        """As it is told about the first of them."""
        named = pb.ListClientSignalsRequest.FromString(raw).client_ids
        self.asked += named
        self.named_at_once.append(len(named))
        return self.true_list(*named) if self.answer is truly else self.answer(named[0], context)

    def true_list(self, *named: str) -> bytes:
        """All of them use features once."""
        clients = [pb.ClientSignalsSummary(client_id=name, feature_uses=1) for name in named]
        answer = pb.ListClientSignalsResponse(clients=clients, feature_uses_p25=10)
        answer.as_of.GetCurrentTime()
        return answer.SerializeToString()


@contextmanager
def fake_insight(port: int = 0, answer: Answer = truly) -> Iterator[FakeInsight]:
    """On a port of this machine, without TLS."""
    server = grpc.server(ThreadPoolExecutor(32))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    fake = FakeInsight(f"127.0.0.1:{bound}", answer)
    methods: dict[str, Any] = {
        "GetClientSignals": grpc.unary_unary_rpc_method_handler(fake.one),
        "ListClientSignals": grpc.unary_unary_rpc_method_handler(fake.several),
    }
    service = grpc.method_handlers_generic_handler("footfall.insights.v1.InsightService", methods)
    server.add_generic_rpc_handlers((service,))
    server.start()
    try:
        yield fake
    finally:
        server.stop(0).wait()

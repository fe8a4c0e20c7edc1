"""Reflection: the server tells tools its own contract (grpc.reflection.v1alpha)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, cast

from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from shared.rpc.methods import Area

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor

    from shared.rpc.call import Call

_SERVICE = cast("ServiceDescriptor", reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"])


class ReflectionHandlers:
    """The library's answers behind our chain: bounded, counted, ended when the server stops."""

    def __init__(self, services: Iterable[str]) -> None:
        self._servicer = ReflectionServicer([*services, _SERVICE.full_name])

    def ServerReflectionInfo(  # noqa: N802 - named as its RPC
        self, requests: AsyncIterator[Any], _: Call
    ) -> AsyncIterator[Any]:
        """One answer per question."""
        answers: Any = self._servicer.ServerReflectionInfo(requests, None)
        return cast("AsyncIterator[Any]", answers)


def reflection_area(services: Iterable[str]) -> Area:
    """The reflection service, to be served beside the others."""
    return Area(_SERVICE, ReflectionHandlers(services))

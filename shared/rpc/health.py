"""Health: whether calls are welcome, told in the way that balancers ask (grpc.health.v1).

The library's own servicer keeps watchers open while the server drains, which would hold every stop
up to its limit; this one ends them, and bounds how many there may be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, cast

from grpc_health.v1 import health_pb2 as pb

from shared.errors import NotFound
from shared.rpc.methods import Area

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor

    from shared.rpc.call import Call

_LOG = logging.getLogger("footfall.health")
_SERVING = pb.HealthCheckResponse.SERVING
_NOT_SERVING = pb.HealthCheckResponse.NOT_SERVING
_SERVICE_UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN

Probe = Callable[[], Awaitable[object]]
"""Returns when the database answers, raises when it does not."""


class State(Enum):
    """Where a service is in its life."""

    STARTING = auto()
    READY = auto()
    AWAY = auto()
    STOPPING = auto()


class Readiness:
    """The state of the service; `changed` is set when it is no longer that, and replaced."""

    def __init__(self) -> None:
        self.state = State.STARTING
        self.accepts_calls = False
        """A service that stops goes on as it was, for those who have not noticed yet."""
        self.changed = asyncio.Event()

    @property
    def serving(self) -> bool:
        """What health says."""
        return self.state is State.READY

    def become(self, state: State) -> None:
        """Move on; what is stopping never comes back."""
        if State.STOPPING is self.state or state is self.state:
            return
        _LOG.info("state", extra={"state": state.name.lower()})
        self.state = state
        if state is not State.STOPPING:
            self.accepts_calls = state is State.READY
        self.changed.set()
        self.changed = asyncio.Event()


async def keep_probing(
    readiness: Readiness, probe: Probe, interval: float, failures_allowed: int = 1
) -> None:
    """Follow the database: away after two failures in a row, back at the first success."""
    failures = 0
    while True:
        await asyncio.sleep(interval if failures == 0 else interval / 4)
        try:
            await probe()
        except Exception as error:  # noqa: BLE001 - whatever keeps it from answering, it is away
            failures += 1
            if failures == failures_allowed + 1:
                _LOG.warning("database away", extra={"error": type(error).__name__})
                readiness.become(State.AWAY)
        else:
            failures = 0
            readiness.become(State.READY)


class HealthHandlers:
    """grpc.health.v1.Health for a server whose services are all as well as its database."""

    def __init__(self, readiness: Readiness, services: Iterable[str]) -> None:
        self._readiness = readiness
        self._services = ("", *services)

    async def Check(self, request: pb.HealthCheckRequest, _: Call) -> pb.HealthCheckResponse:
        """The state of a service now."""
        if request.service not in self._services:
            raise NotFound
        return pb.HealthCheckResponse(status=self._status(request.service))

    async def List(self, _: object, __: Call) -> Any:
        """The states of all services."""
        answer: Any = pb.HealthListResponse()  # type: ignore[attr-defined] # newer than its stubs
        for name in self._services:
            answer.statuses[name].status = self._status(name)
        return answer

    async def Watch(
        self, request: pb.HealthCheckRequest, _: Call
    ) -> AsyncIterator[pb.HealthCheckResponse]:
        """The state of a service now and at each change, until the server stops."""
        while True:  # a stopping server ends the call
            changed = self._readiness.changed
            yield pb.HealthCheckResponse(status=self._status(request.service))
            await changed.wait()

    def _status(self, service: str) -> Any:
        if service not in self._services:
            return _SERVICE_UNKNOWN
        return _SERVING if self._readiness.serving else _NOT_SERVING


def health_area(readiness: Readiness, services: Iterable[str]) -> Area:
    """The health service, to be served beside the others."""
    service = cast("ServiceDescriptor", pb.DESCRIPTOR.services_by_name["Health"])
    return Area(service, HealthHandlers(readiness, services))

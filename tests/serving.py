"""A real server on a real socket with handlers of the test's own: `async with serving(Handlers())`.

The whole chain stands between them; only credentials are stand-ins: the bearer is a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

import grpc
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from footfall.audit.v1 import audit_pb2
from footfall.events.v1 import event_ingest_pb2, event_types_pb2
from footfall.insights.v1 import insight_service_pb2
from footfall.journey.v1 import journey_service_pb2
from footfall.pricing.v1 import approval_service_pb2, pricing_service_pb2
from shared.errors import CredentialRefused
from shared.identity.credentials import Credential
from shared.identity.identity import Identity, Role
from shared.identity.roles import PERMITTED
from shared.rpc.call import Call
from shared.rpc.life import Life
from shared.rpc.methods import Area
from shared.rpc.server import Service, serve
from shared.rpc.validation import Rules
from shared.settings import CallSettings, ListenSettings, Settings, TelemetrySettings
from shared.telemetry.metrics import Metrics

ORG, OTHER_ORG = UUID(int=1), UUID(int=2)  # the same in every worker of a test run
INGEST = event_ingest_pb2.DESCRIPTOR.services_by_name["EventIngestService"]
TYPES = event_types_pb2.DESCRIPTOR.services_by_name["EventTypeService"]
INSIGHT = insight_service_pb2.DESCRIPTOR.services_by_name["InsightService"]
JOURNEY = journey_service_pb2.DESCRIPTOR.services_by_name["JourneyService"]
PRICING = pricing_service_pb2.DESCRIPTOR.services_by_name["PricingService"]
APPROVAL = approval_service_pb2.DESCRIPTOR.services_by_name["ApprovalService"]
AUDIT = audit_pb2.DESCRIPTOR.services_by_name["AuditService"]
_OTHERS = {
    "insight": INSIGHT,
    "journey": JOURNEY,
    "pricing": PRICING,
    "approval": APPROVAL,
    "audit": AUDIT,
}
SILENT = TelemetrySettings(access_log="off")


class Names:
    """The authenticator of tests: knows bearers by name, the second time without waiting."""

    def __init__(self, **known: Credential) -> None:
        self.known = {"olga": credential(), "globex": credential(OTHER_ORG), **known}
        self._seen: set[str] = set()

    def cached(self, metadata: Mapping[str, str | bytes]) -> Credential | None:
        name = self._name(metadata)
        return self.known[name] if name in self._seen else None

    async def authenticate(self, metadata: Mapping[str, str | bytes]) -> Credential:
        await asyncio.sleep(0)
        name = self._name(metadata)
        if name not in self.known:
            raise CredentialRefused
        self._seen.add(name)
        return self.known[name]

    def _name(self, metadata: Mapping[str, str | bytes]) -> str:
        return str(metadata.get("authorization", "")).removeprefix("Bearer ")


def credential(org: UUID = ORG, role: Role = Role.OWNER, **rest: Any) -> Credential:
    identity = Identity(org, "olga", role, scopes=rest.pop("scopes", None), key_id="key")
    return Credential(identity, **rest)


class Unused:
    """Handlers for the methods that a test does not call."""

    def __getattr__(self, name: str) -> Any:
        if not name[0].isupper():
            raise AttributeError(name)

        async def handler(request: object, call: Call) -> None:
            raise NotImplementedError(name)

        return handler


@dataclass
class Running:
    """A server that runs, and a channel to it."""

    life: Life
    channel: aio.Channel
    metrics: Metrics
    foreign: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.life.address

    async def unary(
        self, method: str, request: bytes = b"", bearer: str = "olga", **rest: Any
    ) -> bytes:
        """Call by path or by the name of a method of EventIngestService, bytes in, bytes out."""
        call: Any = self.channel.unary_unary(path(method))
        answer: bytes = await call(request, metadata=headers(bearer, rest), **_options(rest))
        return answer

    def stream(self, method: str, request: bytes = b"", bearer: str = "olga", **rest: Any) -> Any:
        call: Any = self.channel.unary_stream(path(method))
        return call(request, metadata=headers(bearer, rest), **_options(rest))

    def bidi(self, method: str, requests: Any = None, bearer: str = "olga", **rest: Any) -> Any:
        call: Any = self.channel.stream_stream(path(method))
        return call(requests, metadata=headers(bearer, rest), **_options(rest))


def path(method: str) -> str:
    return method if method.startswith("/") else f"/{INGEST.full_name}/{method}"


def headers(bearer: str, rest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    sent = (("authorization", f"Bearer {bearer}"),) if bearer else ()
    return (*sent, *rest.pop("metadata", ()))


def _options(rest: dict[str, Any]) -> dict[str, Any]:
    return {"timeout": 10, **rest}


async def nothing() -> None:
    """A step that has nothing to do."""


def service(**given: Any) -> Service:
    """A service of event-ingest's protos that keeps nothing; what is given replaces a stand-in.

    RPCs of insight, journey and pricing are served when handlers of theirs are given.
    """
    ingest, types = (given.pop(name, None) for name in ("ingest", "types"))
    others = [(one, given.pop(name, None)) for name, one in _OTHERS.items()]
    checked = given.pop("self_validating", frozenset())
    areas = [Area(INGEST, ingest or Unused(), checked), Area(TYPES, types or Unused())]
    areas += [Area(served, handlers) for served, handlers in others if handlers]
    stand_ins: dict[str, Any] = {
        "name": "test",
        "port": 0,
        "metrics_port": 0,
        "areas": areas,
        "authenticator": Names(),
        "permitted": PERMITTED,
        "record_foreign": None,
        "rules": Rules(),
        "metrics": Metrics(),
        "startup": nothing,
        "probe": nothing,
        "close": nothing,
    }
    return Service(**{**stand_ins, **given})


@asynccontextmanager
async def serving(
    *,
    calls: CallSettings | None = None,
    listen: ListenSettings | None = None,
    channel: Callable[[str], aio.Channel] = aio.insecure_channel,
    wait: bool = True,
    **given: Any,
) -> AsyncIterator[Running]:
    """The service on a free port, and a channel to it; `wait=False` does not wait for SERVING."""
    life, foreign, metrics = Life(), list[str](), Metrics()
    settings = Settings(
        listen=listen or ListenSettings(),
        calls=calls or CallSettings(stop_notice_seconds=0, drain_seconds=1),
        telemetry=SILENT,
    )

    async def record(_call: Call, named: str) -> None:
        foreign.append(named)

    made = service(record_foreign=record, metrics=metrics, **given)
    server = asyncio.create_task(serve(made, settings, life))
    try:
        while not (life.address and (life.readiness.serving or not wait)):
            if server.done():
                server.result()
            await asyncio.sleep(0.005)
        async with channel(life.address) as connected:
            yield Running(life, connected, metrics, foreign)
    finally:
        life.stop()
        await asyncio.gather(server, return_exceptions=wait)


@dataclass
class Told:
    """What an error told its caller, taken apart."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    fields: dict[str, str] = field(default_factory=dict)
    quota: list[str] = field(default_factory=list)
    infos: int = 0


def told(error: aio.AioRpcError) -> Told:
    found = Told(error.code(), error.details() or "")
    status = rpc_status.from_call(cast("grpc.Call", error))
    for detail in status.details if status else ():
        found = replace(found, **_read(detail, found))
    return found


def _read(detail: Any, found: Told) -> dict[str, Any]:
    info = error_details_pb2.ErrorInfo()
    if detail.Unpack(info):
        return {
            "reason": info.reason,
            "domain": info.domain,
            "metadata": dict(info.metadata),
            "infos": found.infos + 1,
        }
    retry = error_details_pb2.RetryInfo()
    if detail.Unpack(retry):
        return {"retry_after": retry.retry_delay.ToTimedelta().total_seconds()}
    bad = error_details_pb2.BadRequest()
    if detail.Unpack(bad):
        return {"fields": {one.field: one.description for one in bad.field_violations}}
    quota = error_details_pb2.QuotaFailure()
    assert detail.Unpack(quota)
    return {"quota": [one.subject for one in quota.violations]}


async def refusal(call: Awaitable[Any]) -> Told:
    """What a call that must fail told."""
    try:
        await call
    except aio.AioRpcError as error:
        return told(error)
    raise AssertionError("the call succeeded")


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Return when it holds; what a test waits for seldom has an event."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def drained(stream: Any) -> list[Any]:
    return [message async for message in stream]

"""Channels to other services: a call made for a caller is bounded by what the caller still waits.

Deadline, request id, trace and organisation travel with the call by themselves; a handler uses the
generated stub and thinks of none of them. What is UNAVAILABLE is retried by gRPC's own policy,
since every method is safe to repeat; nothing else is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from grpc import aio

from shared.errors import DeadlinePassed
from shared.rpc.call import current_call
from shared.rpc.listener import MIN_PING_SECONDS
from shared.tls import TlsFiles, channel_credentials

if TYPE_CHECKING:
    from shared.telemetry.traces import Traces

Token = Callable[[UUID, str], str]
"""Signs for an organisation, naming who asked."""

_DEFAULT_SECONDS = 30.0
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_MOST_RECONNECT_MILLISECONDS = 2_000
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    # When most calls fail, retries stop: a service that is down is not also flooded.
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.2},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """How one service calls others."""

    token: Token
    traces: Traces | None = None
    tls: TlsFiles = field(default_factory=TlsFiles)

    def channel(self, address: str, *, retries: bool = True) -> aio.Channel:
        """A channel to one service, for the life of this one; it connects when it is used.

        Without `retries` what fails is said at once: for calls that are of no use later.
        """
        options: list[tuple[str, Any]] = [
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
            ("grpc.enable_retries", int(retries)),
            # A service that is back is found soon; by default it may take two minutes.
            ("grpc.max_reconnect_backoff_ms", _MOST_RECONNECT_MILLISECONDS),
            ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
            # Not more often than servers of ours permit, else they send us away.
            ("grpc.keepalive_time_ms", (MIN_PING_SECONDS + 10) * 1000),
            ("grpc.keepalive_timeout_ms", 20_000),
        ]
        interceptors = [_Unary(self), _Streaming(self)]
        if (credentials := channel_credentials(self.tls)) is None:
            return aio.insecure_channel(address, options=options, interceptors=interceptors)
        return aio.secure_channel(address, credentials, options=options, interceptors=interceptors)

    def outgoing(self, details: aio.ClientCallDetails) -> aio.ClientCallDetails:
        """The call as it goes out: on behalf of the call in hand, if there is one."""
        metadata = aio.Metadata(*(details.metadata or ()))
        for name, value in self._added().items():
            if metadata.get(name) is None:
                metadata.add(name, value)
        return aio.ClientCallDetails(
            method=details.method,
            timeout=_bounded(details.timeout),
            metadata=metadata,
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )

    def _added(self) -> dict[str, str]:
        trace = self.traces.outgoing() if self.traces else {}
        if (call := current_call.get()) is None:
            return trace
        added = {"x-request-id": call.request_id}
        if call.credential is not None:
            identity = call.credential.identity
            added["authorization"] = f"Bearer {self.token(identity.org_id, identity.actor)}"
        if not trace and (parent := call.text("traceparent")):
            added["traceparent"] = parent  # we trace nothing ourselves, and break no one's trace
        return added | trace


class _Unary(aio.UnaryUnaryClientInterceptor):
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], details: aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._caller.outgoing(details), request)


class _Streaming(aio.UnaryStreamClientInterceptor):
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], details: aio.ClientCallDetails, request: Any
    ) -> Any:
        return await continuation(self._caller.outgoing(details), request)


def _bounded(timeout: float | None) -> float:
    """Never longer than the caller waits; a caller that is out of time gets no call at all."""
    call = current_call.get()
    left = call.remaining() if call is not None else None
    if left is None:
        return _DEFAULT_SECONDS if timeout is None else timeout
    if left <= 0:
        raise DeadlinePassed
    return left if timeout is None else min(timeout, left)

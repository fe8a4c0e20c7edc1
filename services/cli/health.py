"""Whether one of our own services serves, asked from the same machine by the standard protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.x509 import DNSName, SubjectAlternativeName
from grpc_health.v1 import health_pb2

from shared.rpc.listener import tls_files
from shared.settings import ListenSettings
from shared.tls import server_credentials

_WILDCARDS: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not bound
_RECONNECT_QUICKLY = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True)
class Door:
    """How the services of this installation are reached from here."""

    host: str = "127.0.0.1"
    credentials: grpc.ChannelCredentials | None = None
    options: Sequence[tuple[str, str | int]] = field(default=_RECONNECT_QUICKLY)

    @classmethod
    def of(cls, listen: ListenSettings) -> Door:
        """With TLS we trust the very certificate the services show, under its own name."""
        host = _WILDCARDS.get(listen.host, listen.host)
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        if server_credentials(tls_files(listen)) is None:
            return cls(host)
        assert listen.tls_cert_file is not None, "server_credentials wants both files"
        assert listen.tls_key_file is not None, "server_credentials wants both files"
        chain, key = listen.tls_cert_file.read_bytes(), listen.tls_key_file.read_bytes()
        credentials = grpc.ssl_channel_credentials(chain, key, chain)
        name = ("grpc.ssl_target_name_override", _name(listen.tls_cert_file))
        return cls(host, credentials, (*_RECONNECT_QUICKLY, name))

    def channel(self, address: str) -> grpc.aio.Channel:
        """To a service behind the door."""
        options = list(self.options)
        if self.credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, self.credentials, options=options)


async def is_serving(address: str, door: Door, seconds: float = 1.0) -> bool:
    """Whether the service at the address says SERVING."""
    async with door.channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def who_serves(addresses: Mapping[str, str], door: Door) -> Mapping[str, bool]:
    """The answer of each, by name, asked side by side."""
    answers = await asyncio.gather(*(is_serving(each, door) for each in addresses.values()))
    return dict(zip(addresses, answers, strict=True))


def _name(cert: Path) -> str:
    """A name that the certificate is valid for; ours to choose, the machine is our own."""
    leaf = x509.load_pem_x509_certificate(cert.read_bytes())
    try:
        names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "localhost"
    found = names.get_values_for_type(DNSName) or ["localhost"]
    return found[0].replace("*", "any", 1)

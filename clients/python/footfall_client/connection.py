"""How to reach the server: address, TLS and credential, for both kinds of channel."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from footfall_client.options import SERVER_MESSAGE_BYTES

INGEST_EVENTS = "/footfall.events.v1.EventIngestService/IngestEvents"

Credential = str | Callable[[], str]
"""An API key or token, or what returns the token of the moment (it may take its time)."""
ChannelOptions = list[tuple[str, int | str]]

_HOST = re.compile(r"^(?:(?:dns|ipv4|ipv6):/*)?(\[[^\]]*\]|[^:/]*)")


@dataclass(frozen=True, slots=True)
class TLS:
    """Whom to believe, and who we are. All are PEM."""

    root_certificates: bytes | None = None
    """The authorities to believe; by default those that gRPC comes with."""
    private_key: bytes | None = field(default=None, repr=False)
    certificate_chain: bytes | None = None
    server_name: str | None = None
    """The name to expect in the certificate, when it is not the host of the address."""

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            self.root_certificates, self.private_key, self.certificate_chain
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to call and as whom."""

    target: str
    credential: Credential | None = field(default=None, repr=False)
    tls: TLS | bool | None = None

    def __post_init__(self) -> None:
        if not self.target:
            raise ValueError("target: empty")
        if isinstance(self.credential, str):
            _checked(self.credential)

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None means plaintext: unless told otherwise only towards this very machine."""
        if isinstance(self.tls, TLS):
            return self.tls.credentials()
        encrypted = not is_loopback(self.target) if self.tls is None else self.tls
        return TLS().credentials() if encrypted else None

    def channel_options(self) -> ChannelOptions:
        options: ChannelOptions = [
            ("grpc.primary_user_agent", "footfall-client-python"),
            ("grpc.max_receive_message_length", SERVER_MESSAGE_BYTES),
            ("grpc.enable_retries", 0),  # ours are the retries, and they are counted
            # A server that is back is found within seconds; the default grows to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 200),
            ("grpc.min_reconnect_backoff_ms", 1000),
            ("grpc.max_reconnect_backoff_ms", 3000),
            # A channel of its own, so that closing it in one client cannot touch another.
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if is_loopback(self.target):
            options.append(("grpc.enable_http_proxy", 0))
        if isinstance(self.tls, TLS) and self.tls.server_name:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The credential of the moment. May block when it is a function."""
        if self.credential is None:
            return ()
        token = self.credential if isinstance(self.credential, str) else self.credential()
        return (("authorization", f"Bearer {_checked(token)}"),)


def is_loopback(target: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    match = _HOST.match(target)
    host = match[1].strip("[]") if match else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked(token: str) -> str:
    # gRPC quotes metadata that it refuses, so a stray line feed would put the secret into a log.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("credential: empty, or with characters that no credential has")
    return token

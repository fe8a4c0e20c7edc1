"""The port: what gRPC itself bounds, and who may reach it without TLS."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from grpc import aio

from shared.refusal import StartRefused
from shared.tls import TlsFiles, server_credentials

if TYPE_CHECKING:
    from shared.settings import CallSettings, ListenSettings

MIN_PING_SECONDS = 300
"""Clients that ping more often without data are told to go away; ours keep to it."""


class ListenRefused(StartRefused):
    """The address cannot or must not be listened on."""


def build(listen: ListenSettings, calls: CallSettings, port: int) -> tuple[aio.Server, str]:
    """A server that is bound and not yet started, and its address."""
    credentials = server_credentials(tls_files(listen))
    _require_tls_beyond_loopback(listen, tls=credentials is not None)
    server = aio.server(options=_options(listen, calls))
    address = f"[{listen.host}]:{port}" if ":" in listen.host else f"{listen.host}:{port}"
    try:
        if credentials is None:
            bound = server.add_insecure_port(address)
        else:
            bound = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ListenRefused(
            f"{address} cannot be listened on; something else may already do so. "
            "Choose another with FOOTFALL_HOST and FOOTFALL_<SERVICE>_PORT."
        ) from error
    return server, address.removesuffix(str(port)) + str(bound)


def tls_files(listen: ListenSettings) -> TlsFiles:
    """The files that the settings name."""
    return TlsFiles(
        cert=listen.tls_cert_file,
        key=listen.tls_key_file,
        client_ca=listen.tls_client_ca_file,
        ca=listen.tls_ca_file,
    )


def _options(listen: ListenSettings, calls: CallSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", calls.max_message_bytes),
        ("grpc.max_metadata_size", 8 * 1024),
        ("grpc.absolute_max_metadata_size", 16 * 1024),
        # Bounds what one connection can start, and so what rapid resets can cost.
        ("grpc.max_concurrent_streams", 100),
        # Off: it resets the calls of honest clients that come near that number on one connection.
        ("grpc.http.overload_protection", 0),
        # A caller that vanished without a word is noticed within 80 s, and its streams end.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_PING_SECONDS * 1000),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.so_reuseport", int(listen.so_reuseport)),
    ]


def _require_tls_beyond_loopback(listen: ListenSettings, *, tls: bool) -> None:
    if tls or listen.allow_plaintext or _loopback(listen.host):
        return
    raise ListenRefused(
        f"FOOTFALL_HOST is {listen.host}, which others can reach, and there is no TLS. Set "
        "FOOTFALL_TLS_CERT_FILE and FOOTFALL_TLS_KEY_FILE, or FOOTFALL_ALLOW_PLAINTEXT=true when "
        "something in front of the service speaks TLS."
    )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

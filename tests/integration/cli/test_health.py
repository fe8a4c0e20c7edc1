"""Asking our own services whether they serve, with and without TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.cli.health import Door, is_serving
from shared.rpc.listener import tls_files
from shared.settings import ListenSettings
from shared.tls import server_credentials


@asynccontextmanager
async def serving(listen: ListenSettings, *, well: bool = True) -> AsyncIterator[str]:
    server, servicer = grpc.aio.server(), health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    states = health_pb2.HealthCheckResponse
    await servicer.set("", states.SERVING if well else states.NOT_SERVING)
    credentials = server_credentials(tls_files(listen))
    port = (
        server.add_secure_port("127.0.0.1:0", credentials)
        if credentials
        else server.add_insecure_port("127.0.0.1:0")
    )
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def certified(folder: Path) -> ListenSettings:
    """A self-signed certificate for a name that is not this machine's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "events.example.org")])
    names = x509.SubjectAlternativeName([x509.DNSName("events.example.org")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return ListenSettings(tls_cert_file=folder / "cert.pem", tls_key_file=folder / "key.pem")


@pytest.mark.parametrize("well", [True, False])
async def test_it_says_what_health_says(well: bool) -> None:  # noqa: FBT001
    async with serving(ListenSettings(), well=well) as address:
        assert await is_serving(address, Door.of(ListenSettings())) is well


async def test_nobody_there_is_not_serving() -> None:
    assert not await is_serving("127.0.0.1:1", Door())


async def test_a_service_with_tls_is_asked_by_its_own_certificate(tmp_path: Path) -> None:
    listen = certified(tmp_path)
    async with serving(listen) as address:
        assert await is_serving(address, Door.of(listen))
        assert not await is_serving(address, Door())


@pytest.mark.parametrize(
    ("listens_on", "reached_at"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_a_wildcard_is_reached_by_loopback(listens_on: str, reached_at: str) -> None:
    assert Door.of(ListenSettings(host=listens_on)).host == reached_at

"""Over TLS to a server that proves who it is, and to no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from footfall_client import TLS, Client, Counts, Options
from tests.contract.client.ingest_server import IngestServicer, serving

NAME = "events.example.com"


def identity() -> tuple[bytes, bytes]:
    """A key and the certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def certificate() -> tuple[bytes, bytes]:
    return identity()


@pytest.fixture
def address(certificate: tuple[bytes, bytes]) -> Iterator[str]:
    credentials = grpc.ssl_server_credentials([certificate])
    with serving(IngestServicer(), credentials=credentials) as address:
        yield address


def test_a_server_that_proves_its_name_gets_the_events(
    address: str, certificate: tuple[bytes, bytes]
) -> None:
    tls = TLS(root_certificates=certificate[1], server_name=NAME)
    with Client(address, credential="secret", tls=tls) as client:
        client.track("login")
        assert client.flush()


@pytest.mark.parametrize("stranger", [True, False], ids=["of another authority", "in the clear"])
def test_another_server_gets_nothing(address: str, *, stranger: bool) -> None:
    tls = TLS(root_certificates=identity()[1], server_name=NAME) if stranger else False
    client = Client(address, tls=tls, options=Options(backoff_base=0.05))
    client.track("login")
    assert not client.close(timeout=0.5)
    assert client.counts == Counts(sent=1, dropped=1)

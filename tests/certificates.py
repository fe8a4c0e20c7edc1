"""Certificates made for one test: `authority("Acme")`, then `.issue("journey")`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as files."""

    cert: Path
    key: Path

    @property
    def key_bytes(self) -> bytes:
        return self.key.read_bytes()

    @property
    def cert_bytes(self) -> bytes:
        return self.cert.read_bytes()


@dataclass(frozen=True)
class Authority:
    """One who signs."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    cert: x509.Certificate

    @property
    def file(self) -> Path:
        path = self.folder / f"{self.name}.ca.pem"
        path.write_bytes(self.pem)
        return path

    @property
    def pem(self) -> bytes:
        return self.cert.public_bytes(Encoding.PEM)

    def issue(self, *names: str, expired: bool = False, key: Key | None = None) -> Issued:
        key = key or ec.generate_private_key(ec.SECP256R1())
        start = datetime.now(UTC) - timedelta(days=30)
        end = datetime.now(UTC) + timedelta(days=-1 if expired else 30)
        cert = (
            _builder(names[0], self.name, key, start, end)
            .add_extension(
                x509.SubjectAlternativeName([_name(one) for one in names]), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        stem = f"{self.name}.{names[0]}.{cert.serial_number}"
        return save(self.folder / stem, cert, key)


def authority(folder: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.now(UTC) - timedelta(days=30)
    cert = (
        _builder(name, name, key, start, start + timedelta(days=60))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(folder, name, key, cert)


def save(stem: Path, cert: x509.Certificate, key: Key) -> Issued:
    issued = Issued(stem.with_name(f"{stem.name}.crt"), stem.with_name(f"{stem.name}.key"))
    issued.cert.write_bytes(cert.public_bytes(Encoding.PEM))
    issued.key.touch(0o600)
    issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return issued


def _builder(
    subject: str, issuer: str, key: Key, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)

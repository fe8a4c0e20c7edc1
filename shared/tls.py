"""TLS and mutual TLS: certificates checked before the first handshake, in words of the settings.

gRPC's own answer to a wrong file is a failed handshake much later. What is checked here: the files
are there and fit each other, the key is nobody else's to read and strong enough, the certificate
is valid now. Less than TLS 1.2 is never spoken; that is gRPC's default.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from shared.refusal import StartRefused

_MIN_RSA_BITS = 2048
_MIN_EC_BITS = 256


class TlsUnusable(StartRefused):
    """Certificates or keys cannot be used."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Who we are (certificate and key), and whom we trust; the names are those of the settings."""

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    ca: Path | None = None

    @property
    def on(self) -> bool:
        """Whether TLS is asked for at all."""
        return self.cert is not None or self.key is not None or self.client_ca is not None


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials | None:
    """What the server shows, and asks for when a client authority is set; None without TLS."""
    if not files.on:
        return None
    key, chain = _identity(files)
    if files.client_ca is None:
        return grpc.ssl_server_credentials([(key, chain)])
    roots = _certificates(files.client_ca, "FOOTFALL_TLS_CLIENT_CA_FILE")
    return grpc.ssl_server_credentials([(key, chain)], roots, require_client_auth=True)


def channel_credentials(files: TlsFiles) -> grpc.ChannelCredentials | None:
    """What a service shows and trusts when it calls another; None without TLS."""
    if not files.on and files.ca is None:
        return None
    roots = _certificates(files.ca, "FOOTFALL_TLS_CA_FILE") if files.ca else None
    key, chain = _identity(files) if files.cert or files.key else (None, None)
    return grpc.ssl_channel_credentials(roots, key, chain)


def read_private_key(path: Path, setting: str) -> bytes:
    """The bytes of a private key that others may not read, or a refusal that names the setting."""
    data = _read(path, setting)
    # A secret mounted read-only shows the modes that its platform gave it: not ours to change.
    others_read = path.stat().st_mode & stat.S_IROTH
    if others_read and not os.statvfs(path).f_flag & os.ST_RDONLY:
        raise TlsUnusable(f"{setting} is {path}, which everybody may read. Run: chmod 600 {path}")
    return data


def _identity(files: TlsFiles) -> tuple[bytes, bytes]:
    if files.cert is None or files.key is None:
        missing = "FOOTFALL_TLS_CERT_FILE" if files.cert is None else "FOOTFALL_TLS_KEY_FILE"
        raise TlsUnusable(f"{missing} is missing: TLS needs a certificate and its key.")
    chain = _certificates(files.cert, "FOOTFALL_TLS_CERT_FILE")
    key = read_private_key(files.key, "FOOTFALL_TLS_KEY_FILE")
    public = _strong(key, files.key)
    if x509.load_pem_x509_certificate(chain).public_key().public_bytes(*_SPKI) != public:
        raise TlsUnusable("FOOTFALL_TLS_KEY_FILE is not the key of FOOTFALL_TLS_CERT_FILE.")
    return key, chain


_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _strong(pem: bytes, path: Path) -> bytes:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise TlsUnusable(
            f"FOOTFALL_TLS_KEY_FILE is {path}, which holds no private key in PEM without password."
        ) from error
    if isinstance(key, RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return key.public_key().public_bytes(*_SPKI)
    if isinstance(key, EllipticCurvePrivateKey) and key.key_size >= _MIN_EC_BITS:
        return key.public_key().public_bytes(*_SPKI)
    raise TlsUnusable(
        f"FOOTFALL_TLS_KEY_FILE is {path}, which is too weak or of another kind: "
        f"RSA from {_MIN_RSA_BITS} bits on, or P-256 and larger."
    )


def _certificates(path: Path, setting: str) -> bytes:
    data = _read(path, setting)
    try:
        found: Sequence[x509.Certificate] = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise TlsUnusable(f"{setting} is {path}, which holds no certificate in PEM.") from error
    if found[0].not_valid_after_utc <= datetime.now(UTC):
        raise TlsUnusable(f"{setting} is {path}, which expired {found[0].not_valid_after_utc}.")
    return data


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsUnusable(
            f"{setting} is {path}, which cannot be read: {error.strerror}."
        ) from error

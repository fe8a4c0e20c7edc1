"""Tokens between services of ours: a minute long, for one organisation, saying who asked.

A service never passes on the credential that it was called with. It signs its own word with a key
that services share, so that a credential which leaks from one service is of no use outside.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared.clock import Clock
from shared.data_dir import DataDir, write_private
from shared.errors import CredentialRefused
from shared.identity.identity import Claims, Role
from shared.identity.keys import FixedKeys, KeysUnusable, PinnedKey, read_pem
from shared.identity.tokens import TokenVerifier, name, read_header

KEY_FILE = "internal.ed25519.pem"

_SETTING = "FOOTFALL_INTERNAL_KEY_FILE"
_ISSUER = "footfall"
_AUDIENCE = "footfall-internal"
_LIFE_SECONDS = 60
_SIGN_AGAIN_SECONDS = 20.0  # a token with less to live may not outlast the call that it goes with
_CACHE_SIZE = 1_000


class InternalSigner:
    """Signs for one service; a token serves several calls of the same caller."""

    def __init__(self, key: Ed25519PrivateKey, service: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id(key.public_key())
        self._service = service
        self._clock = clock
        self._tokens: dict[tuple[UUID, str], tuple[str, float]] = {}

    def token(self, org_id: UUID, act: str) -> str:
        """A token to call another service with, for the organisation, because `act` asked."""
        now = self._clock.monotonic()
        token, signed_until = self._tokens.get((org_id, act), ("", now))
        if signed_until - now <= _SIGN_AGAIN_SECONDS:
            token = self._sign(org_id, act)
            self._keep(org_id, act, token, now + _LIFE_SECONDS)
        return token

    def _sign(self, org_id: UUID, act: str) -> str:
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + _LIFE_SECONDS,
            "sub": self._service,
            "org": str(org_id),
            "role": Role.SERVICE.value,
            "act": act,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self._key_id})

    def _keep(self, org_id: UUID, act: str, token: str, until: float) -> None:
        self._tokens.pop((org_id, act), None)
        if len(self._tokens) >= _CACHE_SIZE:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[org_id, act] = (token, until)


class InternalVerifier(TokenVerifier):
    """Believes the tokens of our services, and only as what they are: role `service`."""

    def __init__(self, *keys: Ed25519PublicKey) -> None:
        self._known = FixedKeys({key_id(key): PinnedKey(key, "EdDSA") for key in keys})
        super().__init__(self._known, issuer=_ISSUER, audience=_AUDIENCE)

    def knows(self, token: str) -> bool:
        """Whether the token names a key of ours; CredentialRefused when it cannot be read."""
        return read_header(token).key_id in self._known

    def _claims(self, payload: dict[str, Any]) -> Claims:
        claims = super()._claims(payload)
        if claims.role is not Role.SERVICE:
            raise CredentialRefused
        return replace(claims, act=name(payload["act"]), internal=True)


def key_id(key: Ed25519PublicKey) -> str:
    """The name of a key: nobody has to choose one, and services with the same key agree."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return "internal-" + hashlib.sha256(raw).hexdigest()[:32]


def make_internal_key(data_dir: DataDir) -> Path:
    """The key file of the installation, made if there is none."""
    path = data_dir.secrets / KEY_FILE
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        draft = path.with_name(f"{KEY_FILE}.{os.getpid()}")
        write_private(draft, pem.decode())
        with suppress(FileExistsError):  # of several who begin at once the first one's stays
            os.link(draft, path)
        draft.unlink()
    return path


def read_internal_key(path: Path) -> Ed25519PrivateKey:
    """The key that services sign with, unless it is missing, exposed or of another kind."""
    try:
        _require_private(path)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeysUnusable(f"{_SETTING}: {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeysUnusable(f"{_SETTING}: {path} holds no private key in PEM: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysUnusable(
            f"{_SETTING}: {path} holds no Ed25519 key. Make one with "
            "`openssl genpkey -algorithm ed25519`."
        )
    return key


def read_internal_public_keys(paths: Sequence[Path]) -> list[Ed25519PublicKey]:
    """Further keys to believe: those of the other services while keys are changed."""
    keys = []
    for path in paths:
        key = read_pem(path, "FOOTFALL_INTERNAL_PUBLIC_KEY_FILES").key
        if not isinstance(key, Ed25519PublicKey):
            raise KeysUnusable(f"FOOTFALL_INTERNAL_PUBLIC_KEY_FILES: {path} holds no Ed25519 key.")
        keys.append(key)
    return keys


def _require_private(path: Path) -> None:
    """Refuse a key that every account can read, unless it came with a read-only mount.

    There (a secret in a container) the mode is the mount's, and nobody can change it.
    """
    exposed = path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH)
    if exposed and not os.statvfs(path).f_flag & os.ST_RDONLY:
        raise KeysUnusable(
            f"{_SETTING}: every account of this machine can read {path}. "
            f"Run `chmod 600 {path}`, and make a new key if others may have read it."
        )

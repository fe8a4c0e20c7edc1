"""Public keys that tokens are checked with, each pinned to one algorithm when it is read.

What a token's header says only chooses among these: it never names a file, an address or another
algorithm. Keys come from files when a service starts, or from an issuer's JWKS address (`jwks.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from shared.refusal import StartRefused

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey

ALGORITHMS = frozenset({"EdDSA", "ES256", "RS256"})

_MIN_RSA_BITS = 2048
_KEY_SETTINGS = "FOOTFALL_JWT_KEY_FILES"


class KeysUnusable(StartRefused):
    """Keys cannot be used to check tokens."""


class KeyUnfit(ValueError):
    """A key or a document of keys is not fit for checking signatures."""


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A key and the only algorithm that it is ever used with."""

    key: PublicKey
    algorithm: str


class KeySource(Protocol):
    """Where a verifier gets its keys."""

    async def find(self, key_id: str | None) -> PinnedKey | None:
        """The key of that id; without an id the only key there is, if there is only one."""
        ...


class FixedKeys:
    """A map of keys that never changes."""

    def __init__(self, keys: Mapping[str, PinnedKey]) -> None:
        self._keys = dict(keys)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    async def find(self, key_id: str | None) -> PinnedKey | None:
        """The key of that id; without an id the only key there is, if there is only one."""
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)


def pinned(key: object) -> PinnedKey:
    """The key with its algorithm; KeyUnfit says why it is none for us."""
    if isinstance(key, Ed25519PublicKey):
        return PinnedKey(key, "EdDSA")
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return PinnedKey(key, "ES256")
    if isinstance(key, RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            raise KeyUnfit(f"its RSA key has {key.key_size} bits, {_MIN_RSA_BITS} are the least")
        return PinnedKey(key, "RS256")
    raise KeyUnfit("it is no public key of Ed25519, P-256 or RSA")


def read_keys(*, jwks_file: Path | None = None, key_files: Sequence[Path] = ()) -> FixedKeys:
    """The keys of a JWKS file and of PEM files, whose names without suffix are their ids."""
    found = [(path.stem, read_pem(path, _KEY_SETTINGS)) for path in key_files]
    setting = _KEY_SETTINGS
    if jwks_file is not None:
        setting = "FOOTFALL_JWT_JWKS_FILE"
        found += _read_jwks_file(jwks_file, setting).items()
    try:
        return FixedKeys(_by_id(found))
    except KeyUnfit as error:
        raise KeysUnusable(f"{setting}: {error}.") from error


def read_pem(path: Path, setting: str) -> PinnedKey:
    """The public key in a PEM file."""
    data = _read(path, setting)
    if b"PRIVATE KEY" in data:
        raise KeysUnusable(
            f"{setting}: {path} holds a private key. To check tokens the public one suffices: "
            f"make it with `openssl pkey -in {path} -pubout`."
        )
    try:
        return pinned(load_pem_public_key(data))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeysUnusable(f"{setting}: {path} cannot be used: {error}.") from error


def parse_jwks(data: bytes) -> dict[str, PinnedKey]:
    """The signing keys of a JWKS document; KeyUnfit when it is none, or one of them is weak.

    Keys of other kinds (for encryption, of other algorithms) are passed over: issuers publish
    them side by side.
    """
    try:
        document = json.loads(data)
        entries = document["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise KeyUnfit("it is no JWKS document") from None
    if not isinstance(entries, list):
        raise KeyUnfit("it is no JWKS document")
    keys = _by_id(_parse_jwk(entry) for entry in entries if _for_signatures(entry))
    if not keys:
        raise KeyUnfit("it holds no key for " + ", ".join(sorted(ALGORITHMS)))
    return keys


def _for_signatures(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return False
    if entry.get("kty") == "EC":
        return entry.get("crv") == "P-256" and entry.get("alg", "ES256") == "ES256"
    if entry.get("kty") == "OKP":
        return entry.get("crv") == "Ed25519" and entry.get("alg", "EdDSA") == "EdDSA"
    return entry.get("kty") == "RSA" and entry.get("alg", "RS256") == "RS256"


def _parse_jwk(entry: dict[str, object]) -> tuple[str, PinnedKey]:
    key_id = entry.get("kid", "")
    if not isinstance(key_id, str):
        raise KeyUnfit("a `kid` in it is no text")
    if "d" in entry:
        raise KeyUnfit(f"the key `{key_id}` in it is a private one")
    try:
        key = jwt.PyJWK.from_dict(entry).key
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        raise KeyUnfit(f"the key `{key_id}` in it is damaged") from None
    return key_id, pinned(key)


def _by_id(keys: Iterable[tuple[str, PinnedKey]]) -> dict[str, PinnedKey]:
    by_id: dict[str, PinnedKey] = {}
    for key_id, key in keys:
        if key_id in by_id:
            raise KeyUnfit(f"two keys have the id `{key_id}`")
        by_id[key_id] = key
    return by_id


def _read_jwks_file(path: Path, setting: str) -> dict[str, PinnedKey]:
    try:
        return parse_jwks(_read(path, setting))
    except KeyUnfit as error:
        raise KeysUnusable(f"{setting}: {path} cannot be used: {error}.") from error


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysUnusable(f"{setting}: {path} cannot be read: {error.strerror}.") from error

"""JSON Web Tokens: which are believed. All others get the same answer, whatever is wrong with them.

A token is measured by the configuration, never the other way round: its header may choose one of
the configured keys and must agree with that key's algorithm; anything in it that asks for more
(another key, an extension) is refused before a signature is looked at.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from shared.errors import CredentialRefused
from shared.identity.identity import Claims, Role
from shared.identity.keys import ALGORITHMS, KeySource, PinnedKey

MAX_TOKEN_BYTES = 8 * 1024
LEEWAY_SECONDS = 30

_REQUIRED_CLAIMS = ["exp", "iat", "iss", "aud", "sub"]
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}  # not those of logout tokens, proofs and the like
_ASKS_FOR_MORE = {"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"}

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")

# What damaged and hostile tokens make the libraries below us raise.
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Header:
    """What a token's header may say."""

    key_id: str | None
    algorithm: str


class TokenVerifier:
    """Believes tokens of one issuer for one audience."""

    def __init__(self, keys: KeySource, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def verify(self, token: str) -> Claims:
        """What the token says, or CredentialRefused."""
        header = read_header(token)
        key = await self._keys.find(header.key_id)
        if key is None or key.algorithm != header.algorithm:
            raise CredentialRefused
        try:
            return self._claims(self._payload(token, key))
        except _UNREADABLE as error:
            raise CredentialRefused from error

    def _payload(self, token: str, key: PinnedKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED_CLAIMS},
        )

    def _claims(self, payload: dict[str, Any]) -> Claims:
        org, expires_at, token_id = payload.get("org"), payload["exp"], payload.get("jti")
        if not isinstance(expires_at, int | float) or isinstance(expires_at, bool):
            raise CredentialRefused
        if not isinstance(org, str) or not _UUID.fullmatch(org):
            raise CredentialRefused
        return Claims(
            org_id=UUID(org),
            subject=name(payload["sub"]),
            role=Role(payload["role"]),
            expires_at=float(expires_at),
            scopes=_scopes(payload.get("scope")),
            token_id=None if token_id is None else name(token_id),
        )


def read_header(token: str) -> Header:
    """The header of a token, nothing verified; CredentialRefused unless it is a plain one."""
    if len(token) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(token):
        raise CredentialRefused
    encoded = token.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return _plain(json.loads(decoded, object_pairs_hook=_no_key_twice))
    except _UNREADABLE as error:
        raise CredentialRefused from error


def _plain(header: object) -> Header:
    if not isinstance(header, dict) or _ASKS_FOR_MORE & header.keys():
        raise CredentialRefused
    algorithm, key_id, kind = header["alg"], header.get("kid"), header.get("typ", "JWT")
    if algorithm not in ALGORITHMS:
        raise CredentialRefused
    if key_id is not None and not isinstance(key_id, str):
        raise CredentialRefused
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise CredentialRefused
    return Header(key_id, algorithm)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take different ones of two `alg`."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CredentialRefused
    return found


def _scopes(value: object) -> frozenset[str] | None:
    """As in OAuth a `scope` narrows what the token may do; without one it has all of its role."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise CredentialRefused
    return frozenset(value.split())


def name(value: object) -> str:
    """A claim that names someone or something; CredentialRefused when nobody is called that."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise CredentialRefused
    return value

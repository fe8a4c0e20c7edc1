"""Tokens for tests: an issuer of their own, honest or not, and a clock that stands still."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.identity.keys import FixedKeys, KeySource, pinned
from shared.identity.tokens import TokenVerifier

ISSUER = "https://issuer.example"
AUDIENCE = "footfall"
ORG_ID = UUID("6f1c0a52-8f0e-4b8e-9d2c-0d7f3f6a9b11")
KEY_ID = "2026"


def encoded(part: object) -> str:
    """A part of a token as it travels: bytes as they are, all else as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def good_claims(**changes: object) -> dict[str, Any]:
    """The claims of a token that is believed, changed; None leaves a claim out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 600,
        "sub": "mia",
        "org": str(ORG_ID),
        "role": "member",
    }
    changed = {**claims, **changes}
    return {name: value for name, value in changed.items() if value is not None}


@dataclass(frozen=True)
class Issuer:
    """Signs what it is told to: a key of Ed25519 and every trick that a header allows."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def keys(self) -> FixedKeys:
        return FixedKeys({KEY_ID: pinned(self.key.public_key())})

    def verifier(self, keys: KeySource | None = None) -> TokenVerifier:
        return TokenVerifier(keys or self.keys, issuer=ISSUER, audience=AUDIENCE)

    def token(self, **claims: object) -> str:
        """A token that is believed, but for the claims that are changed."""
        return self.signed({"alg": "EdDSA", "kid": KEY_ID}, good_claims(**claims))

    def headed(self, **header: object) -> str:
        """A token with good claims and a header of which something is added or changed."""
        return self.signed({"alg": "EdDSA", "typ": "JWT", "kid": KEY_ID, **header}, good_claims())

    def signed(
        self,
        header: Mapping[str, object] | bytes,
        claims: Mapping[str, object] | bytes,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """Any two parts, truly signed, whatever they are."""
        body = f"{encoded(header)}.{encoded(claims)}"
        return f"{body}.{encoded((sign or self.key.sign)(body.encode()))}"

    def by_library(self, key: Any, algorithm: str, **header: object) -> str:
        """A token that another key signed, as the library of the verifier would."""
        return jwt.encode(good_claims(), key, algorithm, headers={"kid": KEY_ID, **header})


class StoodClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._monotonic = 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

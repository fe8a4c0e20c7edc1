"""API keys: `ff_<key id>_<secret>`, for programs that have no one to log in with.

The secret is random (256 bits), so one round of SHA-256 keeps it as safe as a slow hash would keep
a password. It is shown when it is made and never again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass

PREFIX = "ff_"

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY_ID_LENGTH = 16  # 95 random bits: no two organisations ever share one
_SECRET_LENGTH = 43  # the first length of base62 that holds 256 bits
_SHAPE = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_KEY_ID_LENGTH}}})_([0-9A-Za-z]{{{_SECRET_LENGTH}}})")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder has it."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret: a value that is logged by mistake gives nothing away."""
        return f"ApiKey({self.key_id})"

    @property
    def text(self) -> str:
        """What the holder sends as bearer."""
        return f"{PREFIX}{self.key_id}_{self.secret}"

    @property
    def secret_hash(self) -> bytes:
        """What we keep."""
        return hashlib.sha256(self.secret.encode()).digest()

    def opens(self, secret_hash: bytes) -> bool:
        """Whether this is the key of that hash, in a time that does not tell how near it was."""
        return hmac.compare_digest(self.secret_hash, secret_hash)


def new_api_key() -> ApiKey:
    """A key that nobody can guess."""
    return ApiKey(_random(_KEY_ID_LENGTH), _random(_SECRET_LENGTH))


def read_api_key(text: str) -> ApiKey | None:
    """The key in a bearer's text, None when it has not the shape of one."""
    found = _SHAPE.fullmatch(text)
    return ApiKey(found[1], found[2]) if found else None


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))

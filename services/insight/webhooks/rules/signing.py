"""Signatures by Standard Webhooks 1.0.0 (standardwebhooks.com), symmetric: `v1`, HMAC-SHA256."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
KEY_BYTES = 32
_LEAST_BYTES, _MOST_BYTES = 24, 64


def to_secret(key: bytes) -> str:
    """A key as the receiver gets it."""
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret. Raises ValueError when it is none of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret is `whsec_` and base64") from None
    if not secret.startswith(PREFIX) or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError("a secret is `whsec_` and the base64 of 24 to 64 bytes")
    return key


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature over id, time and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()


def headers(
    secrets: Sequence[str], message_id: str, now: datetime, body: bytes
) -> Mapping[str, str]:
    """What a receiver checks: the id is the same on every try, the time is that of the try."""
    timestamp = int(now.timestamp())
    signatures = (sign(secret, message_id, timestamp, body) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }

"""Page and resume tokens: where a list or a tail goes on, signed so that nobody writes their own.

A token holds a position and a signature over it, the method, the filter and the organisation: one
that was made for anything else is refused, so a position never has to be checked for whose it is.
It is signed, not encrypted: a position is made of what the caller has just been shown.

Other tokens that a caller brings back are made with the same key, each for a purpose of its own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from shared.errors import InvalidField, InvalidPageToken
from shared.refusal import StartRefused
from shared.tls import read_private_key

if TYPE_CHECKING:
    from uuid import UUID

    from google.protobuf.message import Message

    from shared.rpc.call import Call

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
KEY_FILE = "page-token.key"

_NOT_THE_QUERY = ("page_size", "page_token", "resume_token")
_SIGNATURE_BYTES = 16
_MIN_KEY_BYTES = 32
_MAX_TOKEN_LENGTH = 2048


class TokenKeyUnusable(StartRefused):
    """The key that signs tokens cannot be had."""


def page_size(asked: int) -> int:
    """How many rows a page has: 50 when nobody says, 1,000 at most."""
    if asked < 0:
        raise InvalidField.of("page_size", "must not be negative; 0 means 50")
    return min(asked or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


class PageTokens:
    """Makes and reads tokens with one key, the same in all processes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, call: Call, request: Message, position: Sequence[Any]) -> str:
        """The token for what follows `position`, in this query; JSON values, times as text."""
        payload = orjson.dumps(list(position))
        return base64.urlsafe_b64encode(self._sign(call, request, payload) + payload).decode()

    def open(self, call: Call, request: Message, token: str) -> list[Any] | None:
        """The position in a token made for this query, None for an empty token."""
        if not token:
            return None
        raw = _decoded(token)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(call, request, payload)):
            raise InvalidPageToken
        position: list[Any] = orjson.loads(payload)  # signed, so it is what `seal` made
        return position

    def seal_for(self, purpose: str, org_id: UUID, payload: bytes) -> str:
        """The token of a payload that means something for this purpose and organisation alone."""
        signature = self._bind(purpose.encode(), org_id.bytes, payload)
        return base64.urlsafe_b64encode(signature + payload).decode()

    def open_for(self, purpose: str, org_id: UUID, token: str) -> bytes:
        """The payload. Raises InvalidPageToken for what `seal_for` did not make for the two."""
        raw = _decoded(token)
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._bind(purpose.encode(), org_id.bytes, payload)):
            raise InvalidPageToken
        return payload

    def _sign(self, call: Call, request: Message, payload: bytes) -> bytes:
        path = call.method.path.encode()
        return self._bind(path, call.identity.org_id.bytes, _query(request), payload)

    def _bind(self, *parts: bytes) -> bytes:
        digests = b"".join(sha256(part).digest() for part in parts)  # of one length: unambiguous
        return hmac.digest(self._key, digests, "sha256")[:_SIGNATURE_BYTES]


def load_token_key(file: Path | None, secrets_dir: Path) -> bytes:
    """The key: that of the file, else the one in the data directory, made at first use."""
    if file is not None:
        return _usable(read_private_key(file, "FOOTFALL_TOKEN_KEY_FILE"), file)
    path = secrets_dir / KEY_FILE
    try:
        if not path.exists():
            _publish(path, secrets.token_bytes(_MIN_KEY_BYTES))
        return _usable(path.read_bytes(), path)
    except OSError as error:
        raise TokenKeyUnusable(
            f"The key for page tokens cannot be kept in {path}: {error.strerror}. "
            "Set FOOTFALL_TOKEN_KEY_FILE to a file with 32 random bytes."
        ) from error


def _publish(path: Path, key: bytes) -> None:
    """Several processes may start at once: all must end up with the key of the first."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # unlike a rename it leaves what is there
        except FileExistsError:
            return
    finally:
        Path(temporary).unlink()


def _usable(key: bytes, path: Path) -> bytes:
    if len(key) < _MIN_KEY_BYTES:
        raise TokenKeyUnusable(
            f"FOOTFALL_TOKEN_KEY_FILE is {path}, which has {len(key)} bytes; "
            f"{_MIN_KEY_BYTES} random ones are needed. Run: openssl rand -out {path} 32"
        )
    return key


def _decoded(token: str) -> bytes:
    try:
        if len(token) > _MAX_TOKEN_LENGTH:
            raise InvalidPageToken
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPageToken from None
    if base64.urlsafe_b64encode(raw).decode() != token:  # bits that no byte has may differ
        raise InvalidPageToken
    return raw


def _query(request: Message) -> bytes:
    """The request without what differs from page to page."""
    query = type(request)()
    query.CopyFrom(request)
    for name in _NOT_THE_QUERY:
        if name in query.DESCRIPTOR.fields_by_name:
            query.ClearField(name)
    return query.SerializeToString(deterministic=True)

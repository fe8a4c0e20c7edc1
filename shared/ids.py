"""Event ids and the time inside them.

A version 7 UUID (RFC 9562) begins with 48 bits of Unix milliseconds. The place of an event in the
store, `id_time`, is that time; ids of other versions carry none and share one `TIMELESS` place. It
must stay a pure function of the id: an id that moved would be stored twice.
"""

from __future__ import annotations

import hashlib
import secrets

TIMELESS_MS = 0
"""The place of ids without a time: before 2000, where no version 7 id is accepted."""


def uuid7(milliseconds: int) -> bytes:
    """A new version 7 UUID of that Unix time, as 16 bytes."""
    return _uuid7(milliseconds, secrets.token_bytes(10))


def derived_uuid7(milliseconds: int, *source: str | bytes) -> bytes:
    """The version 7 UUID that belongs to a row of a source: the same one at every import."""
    digest = hashlib.blake2b(digest_size=10)
    for part in source:
        encoded = part.encode() if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8))
        digest.update(encoded)
    return _uuid7(milliseconds, digest.digest())


def _uuid7(milliseconds: int, rest: bytes) -> bytes:
    return (
        milliseconds.to_bytes(6)
        + bytes((0x70 | rest[0] & 0x0F, rest[1], 0x80 | rest[2] & 0x3F))
        + rest[3:10]
    )


def id_time_ms(event_id: bytes) -> int | None:
    """Unix milliseconds inside a version 7 UUID; None for every other."""
    if event_id[6] >> 4 == 7 and event_id[8] >> 6 == 2:  # noqa: PLR2004 - the bits of RFC 9562
        return int.from_bytes(event_id[:6])
    return None


def place_ms(event_id: bytes) -> int:
    """Where the event is stored: `id_time_ms`, or `TIMELESS_MS`."""
    milliseconds = id_time_ms(event_id)
    return TIMELESS_MS if milliseconds is None else milliseconds


def text(event_id: bytes) -> str:
    """The canonical text form of 16 bytes: lower case, with hyphens."""
    digits = event_id.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

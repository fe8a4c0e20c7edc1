"""UUID version 7: ids that carry their time, so that storing them in order is cheap."""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import sha256
from uuid import UUID

_NANOS_PER_MILLI = 1_000_000
_MILLIS_LIMIT = 1 << 48


def new_event_id(time_ns: int) -> str:
    """A new id for an event of that time (nanoseconds since 1970, UTC)."""
    return _uuid7(time_ns // _NANOS_PER_MILLI, os.urandom(10))


def derived_event_id(occurred_at: datetime, *key: str) -> str:
    """The same id for the same time and key, for ever: what makes an import repeatable.

    `key` must tell the event from all others of its millisecond: name the source and the row.
    """
    if occurred_at.tzinfo is None:
        raise ValueError("occurred_at: has no time zone")
    parts = [part.encode() for part in key]
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return _uuid7(round(occurred_at.timestamp() * 1000), sha256(framed).digest()[:10])


def _uuid7(millis: int, noise: bytes) -> str:
    if not 0 <= millis < _MILLIS_LIMIT:
        raise ValueError("occurred_at: outside of what an id can hold")
    tail = int.from_bytes(noise, "big")
    number = millis << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return str(UUID(int=number))

"""The chain of the audit log: what is hashed of an entry, and how a log is followed to its end.

docs/audit.md writes the form down for those who check it without us. Hashed are the bytes of the
hash before and then the entry as JSON, its keys sorted, nothing between its parts, and each number
of its details in plain decimals: as Postgres keeps it, whatever a library makes of a double.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

START = bytes(32)
"""What stands before the first entry."""

_LONGEST_MOMENT = len("2026-11-21 18:30:00.123456+00")

Stored = tuple[int, str, str, str, str, str, str, bytes, bytes]
"""An entry as Postgres gives it: sequence, recorded_at as text in UTC, actor, actor_role, action,
target, details as text, previous_hash, entry_hash."""

_SORTED = orjson.OPT_SORT_KEYS


def kept(details: Mapping[str, Any]) -> bytes:
    """Details as they are hashed and kept. TypeError: they hold what is no JSON of 64 bits."""
    return orjson.dumps(_exactly(orjson.dumps(details).decode()), option=_SORTED)


def _said(stored: str) -> Any:
    """What a text says, in values that are written as it writes them."""
    found = orjson.loads(stored)
    return _exactly(stored) if _inexact(found) else found


def _inexact(value: Any) -> bool:
    """Whether there is a double in it: what is beyond 64 bits became one as well."""
    if type(value) is dict:
        value = value.values()
    elif type(value) is not list:
        return type(value) is float
    kinds = set(map(type, value))
    if float in kinds:
        return True
    return (dict in kinds or list in kinds) and any(map(_inexact, value))


def _exactly(text: str) -> Any:
    """With the digits of each number as they are written, as a jsonb keeps them."""
    return json.loads(text, parse_float=_plain, parse_int=_whole)


def _plain(number: str) -> orjson.Fragment:
    digits = Decimal(number)
    return orjson.Fragment(format(digits or abs(digits), "f"))  # there is no -0


def _whole(number: str) -> orjson.Fragment:
    return orjson.Fragment(number)


def entry_hash(previous: bytes, entry: Mapping[str, Any]) -> bytes:
    """SHA-256 over the hash before and the entry; its details as `kept` made them."""
    plain = {**entry, "details": orjson.Fragment(entry["details"])}
    return sha256(previous + orjson.dumps(plain, option=_SORTED)).digest()


def moment(text: str) -> str:
    """A time as it is hashed, to the microsecond, of what Postgres writes in UTC.

    One that nobody can have recorded stays as it is, and so fits no hash.
    """
    if text[-3:] != "+00" or len(text) > _LONGEST_MOMENT:
        return text
    clock = text[11:-3]
    if len(clock) == len("18:30:00"):
        clock += "."
    return f"{text[:10]}T{clock:0<15}+00:00"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of a log as it was written down outside the database."""

    org_id: UUID
    sequence: int
    entry_hash: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that does not fit, and why."""

    sequence: int
    problem: str


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a log was followed: all up to here follows from the first entry."""

    sequence: int = 0
    entry_hash: bytes = START
    broken: Broken | None = None

    def stopped(self, sequence: int, problem: str) -> Reached:
        """No further than here."""
        return Reached(self.sequence, self.entry_hash, Broken(sequence, problem))


def follow(org_id: str, reached: Reached, entries: Sequence[Stored]) -> Reached:
    """Go on through the entries that come next, until they end or one does not fit."""
    sequence, previous = reached.sequence, reached.entry_hash
    for number, at, actor, role, action, target, details, before, own in entries:
        if number != sequence + 1:
            return Reached(sequence, previous, _misplaced(sequence + 1, number))
        if before != previous:
            problem = f"Entry {number} does not follow the one before it."
            return Reached(sequence, previous, Broken(number, problem))
        entry = {
            "org_id": org_id,
            "sequence": number,
            "recorded_at": moment(at),
            "actor": actor,
            "actor_role": role,
            "action": action,
            "target": target,
        }
        if _hashed(previous, entry, details) != own:
            problem = f"Entry {number} is not what its hash was made of."
            return Reached(sequence, previous, Broken(number, problem))
        sequence, previous = number, own
    return Reached(sequence, previous)


def _hashed(previous: bytes, entry: dict[str, Any], stored: str) -> bytes:
    """The hash of an entry with details as they are stored; none for what nobody can have kept."""
    try:
        entry["details"] = _said(stored)
        return sha256(previous + orjson.dumps(entry, option=_SORTED)).digest()
    except (ValueError, TypeError, RecursionError):
        return b""


def _misplaced(expected: int, found: int) -> Broken:
    if found < expected:
        return Broken(expected, f"An entry numbered {found} stands before entry {expected}.")
    return Broken(expected, f"Entry {expected} is missing; entry {found} comes next.")


def close(reached: Reached, head: tuple[int, bytes] | None) -> Reached:
    """Compare the end of a log with the row that says where its end is."""
    last = reached.sequence
    if reached.broken is not None or (head is None and not last):
        return reached
    if head is None:
        return reached.stopped(last + 1, f"Nothing says that the log ends with entry {last}.")
    sequence, digest = head
    if sequence > last:
        return reached.stopped(
            last + 1, f"Entry {last + 1} is missing: the log ends with {last} of {sequence}."
        )
    if sequence < last:
        first = max(sequence, 0) + 1
        return reached.stopped(first, f"Entry {first} stands behind the end of the log.")
    if digest != reached.entry_hash:
        return reached.stopped(max(last, 1), f"The log should end with another entry {last}.")
    return reached


@dataclass(frozen=True, slots=True)
class Compared:
    """What comes of comparing a log with what was written down of it."""

    found: Anchor | None = None
    """The newest that is in the log, before the first that is not."""
    missing: Anchor | None = None
    """The first that is not in the log as it stands."""

    def next(self, written: Sequence[Anchor], entry_hash: bytes | None) -> Compared:
        """With what was written down of one more entry, in their order; None: it is not there."""
        if self.missing is not None:
            return self
        for anchor in written:
            if anchor.entry_hash != entry_hash:
                return Compared(self.found, anchor)
        return Compared(written[-1])


def judged(reached: Reached, compared: Compared) -> Broken | None:
    """The first entry that does not fit, by the chain or by what was written down of it."""
    missing = compared.missing
    if missing is None:
        return reached.broken
    last = compared.found.sequence if compared.found else 0
    said = f"by what was written down outside the database on {missing.at:%Y-%m-%d at %H:%M:%S} UTC"
    if missing.sequence <= reached.sequence:
        changed = f"An entry from {last + 1} to {missing.sequence} is not what it was, {said}."
        found = Broken(last + 1, changed)
    else:
        first = reached.sequence + 1
        found = Broken(first, f"Entry {first} is missing: there were {missing.sequence}, {said}.")
    other = reached.broken
    return other if other is not None and other.sequence <= found.sequence else found

"""Ends of audit logs written down outside the database, where who may write there cannot reach.

A log whose hashes were all made anew follows from its first entry like any other; what was written
down before shows it. Where it is kept is behind `AnchorStore`; here is the file, one JSON object
per line. It only ever grows: an end that moved is one line. To begin a new one, move it away and
keep it; every log is then written down once more. A line carries a checksum, so that one half
written in a crash is recognised: it protects from accidents, not from whoever may write the file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

import orjson

from shared.audit_chain import Anchor
from shared.data_dir import DataDir

_CHECK_DIGITS = 16
_NAME = "audit-anchors.jsonl"
_BEGIN, _END = b'{"org_id":"', b'"}\n'
"""Of every line that is ours."""


class AnchorsUnreadable(Exception):
    """What was written down cannot be read now; the message says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written down of one log, in the order of its entries."""

    anchors: Sequence[Anchor] = ()
    damaged: int = 0
    """Lines that cannot be read, whosever they were."""


class Readable(Protocol):
    """Where ends of logs were written down. What it does blocks."""

    def of(self, org_id: UUID) -> Written:
        """All of one organisation. Raises AnchorsUnreadable."""


class AnchorStore(Readable, Protocol):
    """Where ends of logs are kept. Its methods block, and raise AnchorsUnreadable or OSError."""

    def append(self, anchors: Sequence[Anchor]) -> None:
        """Write them down; when this returns they outlast a crash."""

    def latest(self) -> Mapping[UUID, Anchor]:
        """The newest of each organisation, whoever wrote it."""


def anchors_file(given: Path | None, data_dir: DataDir) -> Path:
    """Where they are, unless settings say else."""
    return given or data_dir.root / _NAME


@dataclass
class FileAnchors:
    """A file that several processes may append to at once."""

    path: Path
    _latest: dict[UUID, Anchor] = field(default_factory=dict, init=False)
    _read: tuple[int, int] = field(default=(0, 0), init=False)
    """The file's inode, and up to where `_latest` knows it."""

    def append(self, anchors: Sequence[Anchor]) -> None:
        """In one write at the end of the file."""
        if not anchors:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        new = not self.path.exists()
        with os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = b"".join(map(_line, anchors))
            _write(file, lines if _ends_well(file) else b"\n" + lines)
            os.fsync(file.fileno())
        if new:
            _sync_directory(self.path.parent)

    def latest(self) -> Mapping[UUID, Anchor]:
        """What is new in the file since it was last asked for, and what was known before."""
        try:
            with self.path.open("rb") as file:
                inode, known = os.fstat(file.fileno()).st_ino, self._read
                if known[0] != inode or known[1] > os.fstat(file.fileno()).st_size:
                    self._latest, known = {}, (inode, 0)
                file.seek(known[1])
                for line in _whole_lines(file):
                    if (anchor := _anchor(line)) is not None:
                        self._latest[anchor.org_id] = anchor
                    known = (inode, known[1] + len(line))
                self._read = known
        except FileNotFoundError:
            self._latest, self._read = {}, (0, 0)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return self._latest

    def of(self, org_id: UUID) -> Written:
        """Reads the file from its start; none is as good as an empty one."""
        found, damaged, own = [], 0, str(org_id).encode()
        try:
            with self.path.open("rb") as file:
                for line in _all_lines(file):
                    if own in line or not (line.startswith(_BEGIN) and line.endswith(_END)):
                        anchor = _anchor(line)
                        damaged += anchor is None and bool(line.strip())
                        if anchor is not None and anchor.org_id == org_id:
                            found.append(anchor)
        except FileNotFoundError:
            return Written()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return Written(sorted(found, key=lambda anchor: anchor.sequence), damaged)


def _unreadable(path: Path, error: OSError) -> AnchorsUnreadable:
    return AnchorsUnreadable(f"{path} cannot be read: {error.strerror}")


def _line(anchor: Anchor) -> bytes:
    fields = {
        "org_id": str(anchor.org_id),
        "sequence": anchor.sequence,
        "entry_hash": anchor.entry_hash.hex(),
        "at": anchor.at.isoformat(),
    }
    return orjson.dumps({**fields, "check": _check(fields)}) + b"\n"


def _anchor(line: bytes) -> Anchor | None:
    """What a line says; None when it is not as it was written."""
    try:
        found = orjson.loads(line)
        fields = {name: found[name] for name in ("org_id", "sequence", "entry_hash", "at")}
        if found["check"] != _check(fields):
            return None
        return Anchor(
            UUID(fields["org_id"]),
            int(fields["sequence"]),
            bytes.fromhex(fields["entry_hash"]),
            datetime.fromisoformat(fields["at"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _check(fields: Mapping[str, object]) -> str:
    text = " ".join(map(str, fields.values()))
    return sha256(text.encode()).hexdigest()[:_CHECK_DIGITS]


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """All but a last one that did not end yet."""
    return (line for line in file if line.endswith(b"\n"))


def _all_lines(file: BinaryIO) -> Iterator[bytes]:
    """A last one without an end too, unless somebody writes it at this moment: a crash cut it."""
    for line in file:
        if line.endswith(b"\n"):
            yield line
        elif _nobody_writes(file):
            yield line + file.readline()  # what came since it was read


def _nobody_writes(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


def _ends_well(file: BinaryIO) -> bool:
    size = os.fstat(file.fileno()).st_size
    return size == 0 or os.pread(file.fileno(), 1, size - 1) == b"\n"


def _write(file: BinaryIO, lines: bytes) -> None:
    """All of it at once; a disk that is full takes a part, which its checksum then betrays."""
    if file.write(lines) != len(lines):
        raise OSError(f"{file.name} took a part of what was to be written down")


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""One file of events, only ever appended to, and a journal beside it of those that have a verdict.

A record is its length, a checksum, and the bytes of the `Event`. A process that dies in mid-write
leaves a torn record at the end of its last file; whoever reads the file stops there.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

SUFFIX = ".events"
_JOURNAL_SUFFIX = ".settled"
_MAGIC = b"FFSPOOL1"
_RECORD = struct.Struct("<II")  # length of the payload, checksum of length and payload
_RUN = struct.Struct("<III")  # first ordinal, how many, checksum of both
_logger = logging.getLogger("footfall_client")


class Segment:
    """A file of records, numbered from 0 in the order of the file."""

    def __init__(self, path: Path, *, writer: int | None) -> None:
        self.path = path
        self.size = len(_MAGIC)
        self.records = 0
        self.settled = 0
        self._writer = writer
        self._reader: BinaryIO | None = None
        self._read_at = len(_MAGIC)
        self._read_ordinal = 0
        self._passed_over: set[int] = set()
        self._journal: int | None = None

    @classmethod
    def create(cls, path: Path) -> Segment:
        """An empty file to append to."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        writer = os.open(path, flags, 0o600)
        _write(writer, _MAGIC)
        return cls(path, writer=writer)

    @classmethod
    def recover(cls, path: Path) -> Segment:
        """A file that an earlier process left behind; what it settled is passed over."""
        segment = cls(path, writer=None)
        damaged = segment._scan()
        for run in _journalled(path.with_suffix(_JOURNAL_SUFFIX)):
            segment._passed_over.update(ordinal for ordinal in run if ordinal < segment.records)
        segment._passed_over |= damaged
        segment.settled = len(segment._passed_over)
        return segment

    @property
    def unread(self) -> int:
        """Records that `read` has yet to return."""
        ahead = sum(ordinal >= self._read_ordinal for ordinal in self._passed_over)
        return self.records - self._read_ordinal - ahead

    @property
    def finished(self) -> bool:
        """Every record has its verdict."""
        return self.settled >= self.records

    def append(self, payload: bytes, *, kept: bool) -> int:
        """Write a record in one call and return its ordinal.

        `kept` says that the caller has it in memory: then `read` does not return it.
        """
        if self._writer is None:
            raise ValueError("this file is only read")
        record = _record(payload)
        try:
            _write(self._writer, record)
        except OSError:
            # Half a record in the middle would hide those after it.
            with suppress(OSError):
                os.ftruncate(self._writer, self.size)
            raise
        self.size += len(record)
        self.records += 1
        if kept:
            self._read_at, self._read_ordinal = self.size, self.records
        return self.records - 1

    def read(self, limit: int) -> Iterator[tuple[int, bytes]]:
        """Up to `limit` records that were not read, settled or kept before."""
        if self._reader is None:
            self._reader = self.path.open("rb")
        self._reader.seek(self._read_at)
        while limit and self._read_ordinal < self.records:
            payload = _next_record(self._reader)
            ordinal = self._read_ordinal
            self._read_ordinal += 1
            self._read_at = self._reader.tell()
            if ordinal in self._passed_over:
                self._passed_over.discard(ordinal)
            elif payload is None:
                raise OSError(f"{self.path}: record {ordinal} cannot be read any more")
            else:
                limit -= 1
                yield ordinal, payload

    def settle(self, ordinals: Iterable[int]) -> None:
        """Note that these need never be sent again."""
        runs = list(_runs(sorted(ordinals)))
        self.settled += sum(map(len, runs))
        if self._journal is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._journal = os.open(self.path.with_suffix(_JOURNAL_SUFFIX), flags, 0o600)
        _write(self._journal, b"".join(map(_run_record, runs)))

    def duplicate_writer(self) -> int | None:
        """A descriptor to sync with, good even after the segment is closed."""
        return None if self._writer is None else os.dup(self._writer)

    def close(self) -> None:
        """Let go of the file and leave it as it is."""
        for fd in (self._writer, self._journal):
            if fd is not None:
                os.close(fd)
        if self._reader is not None:
            self._reader.close()
        self._writer = self._journal = self._reader = None

    def delete(self) -> None:
        """Remove file and journal. The events go first: a journal alone harms nobody."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(_JOURNAL_SUFFIX).unlink(missing_ok=True)

    def _scan(self) -> set[int]:
        damaged: set[int] = set()
        with self.path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return damaged
            total = self.path.stat().st_size
            while (after := _end_of_record(file, total)) is not None:
                if _next_record(file) is None:
                    damaged.add(self.records)
                self.size = after
                self.records += 1
        if self.size < total:
            _logger.info("spool: an event torn by the death of its process was passed over")
        if damaged:
            _logger.warning("spool: %d events do not match their checksum", len(damaged))
        return damaged


def _record(payload: bytes) -> bytes:
    return _RECORD.pack(len(payload), _checksum(payload)) + payload


def _checksum(payload: bytes) -> int:
    return crc32(payload, len(payload))


def _end_of_record(file: BinaryIO, total: int) -> int | None:
    """Where the record at the file's position ends; None when it is torn or there is none."""
    start = file.tell()
    head = file.read(_RECORD.size)
    file.seek(start)
    if len(head) < _RECORD.size:
        return None
    length: int = _RECORD.unpack(head)[0]
    end = start + _RECORD.size + length
    # No event is empty: a length of 0 is what a machine leaves that lost its power.
    return end if length and end <= total else None


def _next_record(file: BinaryIO) -> bytes | None:
    """The payload, or None when it is not what was written."""
    length, checksum = _RECORD.unpack(file.read(_RECORD.size))
    payload = file.read(length)
    return payload if _checksum(payload) == checksum else None


def _runs(ordinals: list[int]) -> Iterator[range]:
    start = previous = None
    for ordinal in ordinals:
        if start is None or previous is None or ordinal != previous + 1:
            if start is not None and previous is not None:
                yield range(start, previous + 1)
            start = ordinal
        previous = ordinal
    if start is not None and previous is not None:
        yield range(start, previous + 1)


def _run_record(run: range) -> bytes:
    head = struct.pack("<II", run.start, len(run))
    return head + struct.pack("<I", crc32(head))


def _journalled(path: Path) -> Iterator[range]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    whole = len(content) // _RUN.size * _RUN.size
    for first, count, checksum in _RUN.iter_unpack(content[:whole]):
        if crc32(struct.pack("<II", first, count)) == checksum:
            yield range(first, first + count)


def _write(fd: int, content: bytes) -> None:
    written = os.write(fd, content)
    while written < len(content):  # the disk is nearly full, or a signal came
        written += os.write(fd, content[written:])

"""A queue on disk, as long as its limit allows, of which memory holds the front."""

from __future__ import annotations

import logging
import os
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from footfall_client.options import SpoolOptions, Sync
from footfall_client.spool.claim import Claim
from footfall_client.spool.segment import SUFFIX, Segment

_logger = logging.getLogger("footfall_client")


class SpoolFull(Exception):
    """The spool occupies what it may."""


class Place(NamedTuple):
    """Where an event lies."""

    segment: Segment
    ordinal: int


class Spool:
    """Not thread-safe: its owner's lock guards it. Only `sync_files` may run beside."""

    def __init__(self, options: SpoolOptions) -> None:
        self._options = options
        self._claims: dict[Claim, set[Segment]] = {}
        self._segments: list[Segment] = []
        self._to_read: deque[Segment] = deque()
        self._unsynced: list[int] = []
        self.dirty = False
        """Something was appended since `take_unsynced`."""
        self.size = 0
        """Bytes on disk, files that are partly settled included."""
        self.unread = 0
        """Events that memory does not hold."""
        directory = Path(options.directory)
        for claim in Claim.orphans(directory):
            self._adopt(claim)
        self._own = Claim.new(directory)
        self._claims[self._own] = set()
        self._serial = 0
        self._active: Segment | None = None

    def append(self, payload: bytes, *, kept: bool) -> Place:
        """Write an event. Raises SpoolFull, or OSError when the disk fails.

        `kept` says that the caller has it in memory, so that it is not read back.
        """
        if self.size + len(payload) > self._options.max_bytes:
            raise SpoolFull
        segment = self._writable()
        before = segment.size
        ordinal = segment.append(payload, kept=kept)
        self.size += segment.size - before
        self.dirty = True
        if not kept:
            self.unread += 1
        if self._options.sync is Sync.ALWAYS:
            self._note_unsynced(segment)
            sync_files(self.take_unsynced())
        return Place(segment, ordinal)

    def read(self, limit: int) -> list[tuple[Place, bytes]]:
        """The next events that memory does not hold, oldest first."""
        found: list[tuple[Place, bytes]] = []
        while self._to_read and len(found) < limit and self.unread:
            segment = self._to_read[0]
            for ordinal, payload in segment.read(limit - len(found)):
                self.unread -= 1
                found.append((Place(segment, ordinal), payload))
            if segment is self._active or segment.unread:
                break
            self._to_read.popleft()
        return found

    def settle(self, places: Iterable[Place]) -> None:
        """These events have their verdict; files without any other are deleted."""
        by_segment: defaultdict[Segment, list[int]] = defaultdict(list)
        for place in places:
            by_segment[place.segment].append(place.ordinal)
        for segment, ordinals in by_segment.items():
            segment.settle(ordinals)
            if segment.finished and segment is not self._active:
                self._remove(segment)

    def take_unsynced(self) -> list[int]:
        """Descriptors for `sync_files`; what is appended later needs another call."""
        if self.dirty and self._active is not None and self._options.sync is Sync.INTERVAL:
            self._note_unsynced(self._active)
        self.dirty = False
        taken, self._unsynced = self._unsynced, []
        return taken

    def close(self) -> None:
        """Leave what is not settled to the next process, and nothing else."""
        self._seal()
        sync_files(self.take_unsynced())
        for segment in self._segments:
            segment.close()
        for claim, segments in self._claims.items():
            if segments:
                claim.release()
            else:
                claim.dissolve()
        self._segments, self._claims = [], {}

    def disown(self) -> None:
        """In a forked child: forget all of it without a trace, it is the parent's."""
        for segment in self._segments:
            segment.close()
        for claim in self._claims:
            claim.release()
        for fd in self._unsynced:
            os.close(fd)
        self._segments, self._claims, self._unsynced, self._active = [], {}, [], None

    def _adopt(self, claim: Claim) -> None:
        self._claims[claim] = set()
        for path in sorted(claim.folder.glob(f"*{SUFFIX}")):
            segment = Segment.recover(path)
            if segment.finished:
                segment.delete()
                continue
            self._add(claim, segment)
            self.unread += segment.unread
        if not self._claims[claim]:
            del self._claims[claim]
            claim.dissolve()

    def _writable(self) -> Segment:
        if self._active is not None and self._active.size >= self._options.segment_bytes:
            self._seal()
        if self._active is None:
            self._serial += 1
            path = self._own.folder / f"{self._serial:08d}{SUFFIX}"
            self._active = Segment.create(path)
            self._add(self._own, self._active)
            if self._options.sync is not Sync.NEVER:
                _sync_folder(self._own.folder)
        return self._active

    def _add(self, claim: Claim, segment: Segment) -> None:
        self._claims[claim].add(segment)
        self._segments.append(segment)
        self._to_read.append(segment)
        self.size += segment.size

    def _seal(self) -> None:
        """The active file is full, or the last: from now on it is deleted when it is settled."""
        segment, self._active = self._active, None
        if segment is None:
            return
        if segment.finished:
            self._remove(segment)
        elif self.dirty and self._options.sync is Sync.INTERVAL:
            self._note_unsynced(segment)
            self.dirty = False

    def _note_unsynced(self, segment: Segment) -> None:
        descriptor = segment.duplicate_writer()
        if descriptor is not None:
            self._unsynced.append(descriptor)

    def _remove(self, segment: Segment) -> None:
        segment.delete()
        self.size -= segment.size
        self._segments.remove(segment)
        with suppress(ValueError):
            self._to_read.remove(segment)
        for claim, segments in list(self._claims.items()):
            segments.discard(segment)
            if not segments and claim is not self._own:
                del self._claims[claim]
                claim.dissolve()


def sync_files(descriptors: list[int]) -> None:
    """Force the files to the disk and let go of the descriptors. Takes milliseconds."""
    for descriptor in descriptors:
        try:
            os.fsync(descriptor)
        except OSError:
            _logger.warning("spool: the disk refused to sync", exc_info=True)
        finally:
            os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system lets one open a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

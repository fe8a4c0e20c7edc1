"""One process, one folder: a lock that the operating system gives back when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_LOCK_NAME = "lock"


class Claim:
    """A folder that is ours until we release it or die."""

    def __init__(self, folder: Path, fd: int) -> None:
        self.folder = folder
        self._fd = fd

    @classmethod
    def new(cls, directory: Path) -> Claim:
        """A fresh folder. Another process may be quick enough to take it over: then another one."""
        while True:
            folder = directory / f"{time.time_ns():016x}-{os.getpid()}"
            folder.mkdir(parents=True, mode=0o700)
            claim = cls._take(folder, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            if claim:
                return claim

    @classmethod
    def orphans(cls, directory: Path) -> Iterator[Claim]:
        """Take over, oldest first, the folders whose process is no more."""
        if not directory.is_dir():
            return
        for folder in sorted(path for path in directory.iterdir() if path.is_dir()):
            claim = cls._take(folder, os.O_RDWR)
            if claim:
                yield claim

    @classmethod
    def _take(cls, folder: Path, flags: int) -> Claim | None:
        try:
            fd = os.open(folder / _LOCK_NAME, flags, 0o600)
        except OSError:  # not ready yet, or just cleared away by another process
            return None
        try:
            _lock(fd)
        except OSError:
            os.close(fd)
            return None
        return cls(folder, fd)

    def release(self) -> None:
        """Leave the folder, and what is in it, to the next process.

        In a forked child this closes its copy only: the parent keeps its lock.
        """
        os.close(self._fd)

    def dissolve(self) -> None:
        """Clear the folder away; whatever else lies in it stays."""
        with contextlib.suppress(OSError):
            (self.folder / _LOCK_NAME).unlink()
            self.folder.rmdir()
        self.release()

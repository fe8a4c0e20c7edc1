"""How far an import came, so that the next run need not send again what is stored.

Sending it again would be harmless: the server knows the ids. This only saves the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import IO

import platformdirs

from services.cli.importing.sources import STANDARD_INPUT


class Checkpoint:
    """A file of ours that says how many rows of one import are settled, and how many refused."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @classmethod
    def of(cls, file: Path, *everything_else: str) -> Checkpoint:
        """The checkpoint of this very file (path, size, time) read in this very way."""
        if file == STANDARD_INPUT:
            return cls(None)
        status = file.stat()
        identity = [str(file.absolute()), str(status.st_size), str(status.st_mtime_ns)]
        name = hashlib.sha256("\0".join([*identity, *everything_else]).encode()).hexdigest()[:32]
        folder = Path(platformdirs.user_state_dir("footfall", appauthor=False)) / "imports"
        return cls(folder / f"{name}.json")

    def rows(self) -> int:
        """How many rows from the beginning need not be sent."""
        return self._kept("rows")

    def refused(self) -> int:
        """How many of these are not stored."""
        return self._kept("refused")

    def note(self, rows: int, refused: int) -> None:
        """Keep it; that this fails is no reason to stop."""
        if self._path is not None and rows:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.write_text(json.dumps({"rows": rows, "refused": refused}))

    def done(self) -> None:
        """All is settled: the next run begins at the beginning."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _kept(self, name: str) -> int:
        if self._path is None:
            return 0
        try:
            return int(json.loads(self._path.read_text())[name])
        except (OSError, ValueError, KeyError, TypeError):
            return 0


def open_rejected(path: Path, *, goes_on: bool) -> IO[str]:
    """Where refused rows are written: behind those of the run that this one goes on with.

    Line by line, so that no row is counted as settled whose refusal is not yet in the file.
    """
    return path.open("a" if goes_on else "w", encoding="utf-8", buffering=1)

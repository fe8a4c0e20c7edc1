"""How far an import came, so that the next run need not send again what is stored.

Sending it again would be harmless: the server knows the ids. This only saves the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

import platformdirs

from services.cli.importing.sources import STANDARD_INPUT


class Checkpoint:
    """A file of ours that says how many rows of one import are settled."""

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
        if self._path is None:
            return 0
        try:
            return int(json.loads(self._path.read_text())["rows"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def note(self, rows: int) -> None:
        """Keep it; that this fails is no reason to stop."""
        if self._path is not None and rows:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.write_text(json.dumps({"rows": rows}))

    def done(self) -> None:
        """All is settled: the next run begins at the beginning."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

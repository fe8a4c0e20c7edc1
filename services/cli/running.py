"""One program of the suite as a child: started, watched, ended; what it says goes to its log."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.health import Door, is_serving
from services.cli.suite import Program
from shared import child
from shared.data_dir import DataDir

_DRAIN_SECONDS = 30.0
_CHECK_SECONDS = 0.05


@dataclass
class Running:
    """A child and what it takes to start it again in the same place."""

    program: Program
    environment: Mapping[str, str]
    data_dir: DataDir
    door: Door
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log_offset: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def address(self) -> str | None:
        """Where it serves; None for a background worker."""
        port = self.environment.get(f"{self.program.prefix}_PORT")
        return f"{self.door.host}:{port}" if self.program.port is not None else None

    async def restart(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it, the first time or again."""
        name = self.program.name
        log = self.data_dir.open_log(name)
        self._log_offset = self.data_dir.log(name).stat().st_size
        try:
            # -P: a folder `services` where the operator happens to stand is none of ours.
            # -P: a folder `services` where the operator happens to stand is none of ours.
            self._process = child.start(
                [sys.executable, "-P", "-m", self.program.module],
                output=log, environment=self.environment, dies_with=signal.SIGTERM,
                directory=Path.cwd(),
            )  # fmt: skip
        finally:
            os.close(log)

    async def wait(self) -> int:
        assert self._process is not None
        return await child.exit_code(self._process)

    async def stop(self) -> None:
        """Let it drain what it accepted."""
        if self._process is not None:
            await child.end(self._process, (signal.SIGTERM, _DRAIN_SECONDS))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def said(self) -> str:
        """What it wrote to its log since this start."""
        with self.data_dir.log(self.program.name).open("rb") as log:
            log.seek(self._log_offset)
            return log.read().decode(errors="replace").strip()

    async def serving(self, seconds: float) -> bool:
        """Wait till it serves; False when it ended instead or the time is over."""
        deadline = time.monotonic() + seconds
        while self.pid is not None and time.monotonic() < deadline:
            if self.address is None or await is_serving(self.address, self.door):
                return True
            await asyncio.sleep(_CHECK_SECONDS)
        return False

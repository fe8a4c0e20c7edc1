"""A service as a child of the bench: where it listens, and what it costs by the kernel's books."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared import child

_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 30.0


@dataclass
class Program:
    """A child that said where it listens."""

    process: subprocess.Popen[bytes]
    address: str
    metrics_port: int
    bare_address: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = text.rpartition(")")[2].split()  # the name in brackets may hold blanks
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_bytes(self) -> int:
        fields = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self) -> int:
        """The most that was ever resident."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        peak = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
        return int(peak) * 1024

    def answered(self, path: str) -> int:
        """How many calls of that method it answered with OK, by its own count."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url) as answer:
            lines = answer.read().decode().splitlines()
        wanted = f'footfall_rpc_calls_total{{code="OK",method="{path}"}} '
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith(wanted))


@asynccontextmanager
async def started(module: str, environ: Mapping[str, str]) -> AsyncIterator[Program]:
    """`python -m module` on free ports, serving; ended afterwards."""
    inherited = {name: text for name, text in os.environ.items() if "FOOTFALL" not in name}
    ports = {"FOOTFALL_EVENT_INGEST_PORT": "0", "FOOTFALL_EVENT_INGEST_METRICS_PORT": "0"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - once, before anything is measured
            [sys.executable, "-m", module],
            env={**inherited, **ports, "FOOTFALL_LOG_FORMAT": "json", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield await _serving(process, log)
        finally:
            await child.end(process, (signal.SIGTERM, 15.0))


async def _serving(process: subprocess.Popen[bytes], log: IO[bytes]) -> Program:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        said = os.pread(log.fileno(), 1 << 20, 0).decode(errors="replace")
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        ready = any(one["message"] == "state" and one.get("state") == "ready" for one in lines)
        if ready:
            listening = next(one for one in lines if one["message"] == "listening")
            bare = [one["address"] for one in lines if one["message"] == "bare"]
            return Program(process, listening["address"], listening["metrics_port"], "".join(bare))
        for one in lines:
            if one["message"] == "working":  # a worker listens to nobody
                return Program(process, "", one["metrics_port"])
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"it does not serve:\n{said}")
        await asyncio.sleep(0.02)

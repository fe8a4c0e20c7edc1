"""P13: `footfall up` on an existing database, from the command to the line that says all serve."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.claim import Claim, Effort, Finding
from bench.ground import scratch
from bench.pairs import Ratio
from shared import child

_STARTS = 5
_MUST_SECONDS, _AIM_SECONDS = 5.0, 2.0


async def measure(effort: Effort) -> AsyncIterator[Finding]:
    del effort
    with scratch() as data_dir:
        await _start(data_dir)  # makes the database
        seconds = [await _start(data_dir) for _ in range(_STARTS)]
    yield Finding(
        "cold start of the suite to SERVING, in seconds",
        Ratio(
            statistics.median(seconds), 1.0, statistics.median(seconds), min(seconds),
            max(seconds), _STARTS,
        ),
        "s", _MUST_SECONDS, _AIM_SECONDS, f"{_STARTS} starts, all SERVING", lower_is_better=True,
    )  # fmt: skip


async def _start(data_dir: Path) -> float:
    """Seconds from the command until every service answers SERVING; then it is stopped."""
    inherited = {name: text for name, text in os.environ.items() if "FOOTFALL" not in name}
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: ASYNC220 - its clock runs
        [sys.executable, "-m", "services.cli", "up", "--ports", "auto", "--json", "--data-dir",
         str(data_dir)],
        env=inherited, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        seconds = time.monotonic() - began
        json.loads(line)  # one line, when all serve
        return seconds
    finally:
        await child.end(process, (signal.SIGTERM, 30.0))


CLAIM = Claim("p13", "Cold start of the suite", measure)

"""Child programs that never outlive us.

Footfall starts Postgres and its own services as children. Whatever ends the parent, `kill -9`
included, must leave nothing running; only the kernel can promise that, by the parent-death signal.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from shared import launch

_POLL_SECONDS = 0.02


def start(
    argv: Sequence[str | Path],
    *,
    output: int | IO[bytes],
    environment: Mapping[str, str],
    dies_with: signal.Signals | None = None,
    account: tuple[int, int] | None = None,
    directory: Path = Path("/"),
    umask: int = -1,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own; it gets `dies_with` when its parent dies.

    That setting follows the *thread* that starts the child, so start children from the main thread;
    elsewhere than on Linux there is no such thing. What has to happen between fork and exec is done
    by `shared.launch` after an exec of its own: Python code in a fork of a process with threads can
    crash or hang, and gRPC's threads are always there. A program that cannot be started ends with
    127 and says why in its output.
    """
    order = {
        "account": account,
        "dies_with": dies_with,
        "directory": str(directory),
        "parent": os.getpid(),
    }
    return subprocess.Popen(
        [sys.executable, "-I", "-S", launch.__file__, json.dumps(order), *argv],
        stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=dict(environment),
        umask=umask, start_new_session=True,
    )  # fmt: skip


async def exit_code(child: subprocess.Popen[bytes]) -> int:
    """Wait for the child's end without a thread or a loop-bound watcher: any loop may ask."""
    while (code := child.poll()) is None:  # noqa: ASYNC110 - no event says it to every loop
        await asyncio.sleep(_POLL_SECONDS)
    return code


async def end(child: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> int:
    """Ask ever less politely: send each signal and wait its seconds; the last resort is SIGKILL."""
    patience: Sequence[tuple[signal.Signals, float]] = (*steps, (signal.SIGKILL, 3600.0))
    for signum, seconds in patience:
        if child.poll() is None:
            child.send_signal(signum)
        try:
            return await asyncio.wait_for(exit_code(child), seconds)
        except TimeoutError:
            continue
    raise AssertionError("a child survived SIGKILL")  # pragma: no cover

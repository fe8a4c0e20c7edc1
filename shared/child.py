"""Child programs that never outlive us.

Footfall starts Postgres and its own services as children. Whatever ends the parent, `kill -9`
included, must leave nothing running; only the kernel can promise that, by the parent-death signal.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02


def die_with_parent(signum: signal.Signals) -> Callable[[], None] | None:
    """What to give `Popen(preexec_fn=…)` so that the child gets `signum` when its parent dies.

    `Popen` changes the account before it calls the hook, which matters: the kernel forgets the
    setting when the account changes. The setting follows the *thread* that forks, so start
    children from the main thread. Elsewhere than on Linux there is no such thing: None.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.PyDLL(None)  # PyDLL keeps the interpreter lock: after a fork nobody gives it back
    parent = os.getpid()

    def hook() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return hook


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

"""Which programs run: what a test that promises "nothing left behind" looks at."""

from __future__ import annotations

import os
import time
from pathlib import Path


def running_on(root: Path) -> dict[int, str]:
    """Every process, by id, that names the directory in its arguments or works below it."""
    found = {int(entry.name): _arguments(entry) for entry in _entries() if _works_on(entry, root)}
    return {pid: arguments for pid, arguments in found.items() if pid != os.getpid()}


def until_nothing_runs_on(root: Path, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while (left := running_on(root)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left running on {root}: {left}"


def account_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def arguments_of(pid: int) -> str:
    return _arguments(Path(f"/proc/{pid}"))


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().replace(b"\0", b"\n").decode()


def _entries() -> list[Path]:
    return [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _works_on(entry: Path, root: Path) -> bool:
    try:
        return str(root) in _arguments(entry) or (entry / "cwd").readlink().is_relative_to(root)
    except OSError:  # gone, another's, or a zombie
        return False


def _arguments(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""

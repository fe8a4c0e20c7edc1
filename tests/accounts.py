"""Run a piece of a test under another account: what root may do says nothing about a user."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

_FORKS = 3

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the account")


def as_ordinary_user(act: Callable[[], None], *owned: Path) -> None:
    """Run `act` in a fork that is an ordinary user, who owns the paths; in place if we are one.

    A fork and not a new interpreter: the interpreter may live where only root can read it.
    """
    if os.geteuid() != 0:
        act()
        return
    user = pwd.getpwnam("daemon")
    for path in owned:
        os.chown(path, user.pw_uid, user.pw_gid)
    code = next((code for _ in range(_FORKS) if (code := _in_a_fork(user, act)) >= 0), -1)
    assert code == 0, "failed as an ordinary user; see standard error"


def _in_a_fork(user: pwd.struct_passwd, act: Callable[[], None]) -> int:
    """The exit code; negative when a signal ended it, as happens to forks beside gRPC's threads."""
    child = os.fork()
    if child == 0:
        _become(user)
        _exit_after(act)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if not os.access(sys.executable, os.X_OK):  # what the code under test starts needs one it can
        sys.executable = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable


def _exit_after(act: Callable[[], None]) -> None:
    try:
        act()
    except BaseException:  # noqa: BLE001 - pytest's own failures too
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

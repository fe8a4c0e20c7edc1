"""Run a piece of a test under another account: what root may do says nothing about a user."""

from __future__ import annotations

import os
import pwd
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

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
    child = os.fork()
    if child == 0:
        _become(user)
        _exit_after(act)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "failed as an ordinary user; see standard error"


def _become(user: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _exit_after(act: Callable[[], None]) -> None:
    try:
        act()
    except BaseException:  # noqa: BLE001 - pytest's own failures too
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

"""The two moments of a process that a library inside it must survive: its fork and its exit.

Both are matters of the whole process, so the clients alive are noted here, weakly, and the hooks
are installed once, when the first client is made.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from multiprocessing import util
from typing import Protocol
from weakref import WeakSet


class Living(Protocol):
    """What a client does at those moments. None of it may raise."""

    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...
    def at_exit(self) -> None: ...


class _Watch:
    """The clients alive, and the hooks that reach them."""

    def __init__(self) -> None:
        self._living: WeakSet[Living] = WeakSet()
        self._hooked = False

    def add(self, client: Living) -> None:
        self._living.add(client)
        if self._hooked:
            return
        self._hooked = True
        atexit.register(self.at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._after_fork_in_parent,
                after_in_child=self._after_fork_in_child,
            )

    def at_exit(self) -> None:
        for client in list(self._living):
            client.at_exit()

    def _before_fork(self) -> None:
        for client in list(self._living):
            client.before_fork()

    def _after_fork_in_parent(self) -> None:
        for client in list(self._living):
            client.after_fork_in_parent()

    def _after_fork_in_child(self) -> None:
        for client in list(self._living):
            client.after_fork_in_child()


_watch = _Watch()


def watch(client: Living) -> None:
    """Call the client at fork and exit from now on, as long as it lives."""
    _watch.add(client)


def watch_worker() -> None:
    """Have the exit of a forked worker of `multiprocessing` noticed too.

    Such a worker ends without the exit hooks of Python, but not without those of `multiprocessing`,
    which it forgets at its start: so ask again when there is work.
    """
    if multiprocessing.parent_process() is not None:
        util.Finalize(None, _watch.at_exit, exitpriority=100)

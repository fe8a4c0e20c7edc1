"""A way to Postgres that kills who takes it, between two given steps of one transaction.

Each message to the server and each answer is a step. At the chosen one the process dies by SIGKILL:
either before the server has heard it, or after it has answered and nobody heard that.
"""

from __future__ import annotations

import asyncio
import os
import signal

from tests.relay import Relay, Watcher

_READY = b"Z\0\0\0\5"
"""ReadyForQuery but for its last byte: the answer is whole."""


class Tripwire(Relay):
    """Armed for one transaction at a time; counts the points of those that it lets through."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.mark = b""
        self.point = -1
        self.pid = 0
        self.points = 0
        """Of the last marked transaction that ended unharmed: two for each message."""
        self.kills = 0

    def arm(self, mark: str, point: int, pid: int) -> None:
        """Kill the process at this point of the next transaction, from where this text is sent."""
        self.point, self.pid = point, pid
        self.mark = mark.encode()

    def passed(self, point: int) -> None:
        """A point of the marked transaction is reached; raises when it is the one."""
        if point == self.point:
            self.mark = b""
            os.kill(self.pid, signal.SIGKILL)
            self.kills += 1
            raise ConnectionResetError

    def watchers(self) -> tuple[Watcher, Watcher]:
        watched = _Watched(self)
        return watched.asked, watched.answered

    def end(self, back: asyncio.StreamWriter, forth: asyncio.StreamWriter, *, broken: bool) -> None:
        """At once and on both sides: nobody hears what was still under way."""
        del broken  # one that outlived the wire is no better off
        back.transport.abort()
        forth.transport.abort()


class _Watched:
    """One connection, and how far it is in the marked transaction."""

    def __init__(self, wire: Tripwire) -> None:
        self._wire = wire
        self._step: int | None = None
        self._ends = False

    def asked(self, chunk: bytes) -> None:
        if self._step is not None:
            self._step += 1
        elif self._wire.mark and self._wire.mark in chunk:
            self._step = 0
        if self._step is not None:
            self._ends = b"COMMIT" in chunk
            self._wire.passed(2 * self._step)

    def answered(self, chunk: bytes) -> None:
        if self._step is None or chunk[-6:-1] != _READY:
            return
        self._wire.passed(2 * self._step + 1)
        if self._ends:
            self._wire.points, self._wire.mark = 2 * self._step + 2, b""
            self._step = None

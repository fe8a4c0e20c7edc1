"""A way to Postgres that kills who takes it, between two given steps of one transaction.

Each message to the server and each answer is a step. At the chosen one the process dies by SIGKILL:
either before the server has heard it, or after it has answered and nobody heard that.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536
_READY = b"Z\0\0\0\5"
"""ReadyForQuery but for its last byte: the answer is whole."""


class Tripwire:
    """Listens on loopback in a thread of its own; `url` leads through it."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks: set[asyncio.Task[None]] = set()
        self.mark = b""
        self.point = -1
        self.pid = 0
        self.points = 0
        """Of the last marked transaction that ended unharmed: two for each message."""
        self.kills = 0

    @property
    def url(self) -> str:
        """The same database, by way of the wire."""
        port = self._server.sockets[0].getsockname()[1]
        login = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{login}@127.0.0.1:{port}"))

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

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, "127.0.0.1", 0), self._loop
        ).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far, forth = await asyncio.open_connection(self._target.hostname, self._target.port)
        watched = _Watched(self)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(near, forth, watched.asked))
                both.create_task(_pump(far, back, watched.answered))
        except* ConnectionError:
            pass
        finally:
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


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[bytes], None]
) -> None:
    while chunk := await reader.read(_CHUNK):
        seen(chunk)
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError  # the other half ends with this one

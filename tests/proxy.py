"""A door between a service and Postgres that slams at the worst moment.

A transaction is committed, and the one who asked for it never hears so: its connection is reset
when the answer to COMMIT comes by. Everything else passes unchanged.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: to close is to reset


class Proxy:
    """Listens on loopback in a thread of its own; `url` leads through it."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._mark = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = 0

    @property
    def url(self) -> str:
        """The same database, by way of the door."""
        port = self._server.sockets[0].getsockname()[1]
        login = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{login}@127.0.0.1:{port}"))

    def cut_after_commit_of(self, mark: str) -> None:
        """Reset the next connection that commits a transaction in which this text was sent."""
        self._mark = mark.encode()

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
        connection = _Connection(self)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(near, forth, connection.asked))
                both.create_task(_pump(far, back, connection.answered))
        except* (_Cut, ConnectionError):
            _set_to_reset(back)
        finally:
            back.transport.abort()
            forth.close()

    def is_marked(self, sent: bytes) -> bool:
        """Whether the transaction is the one that was asked for; it is asked for once."""
        return bool(self._mark) and self._mark in sent and b"COMMIT" in sent

    def count(self) -> None:
        """It was cut."""
        self._mark = b""
        self.cuts += 1


class _Cut(Exception):
    """The moment has come."""


class _Connection:
    """What was sent since the last COMMIT, and whether its answer shall be lost."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._sent = bytearray()
        self._doomed = False

    def asked(self, chunk: bytes) -> None:
        self._sent += chunk
        self._doomed = self._doomed or self._proxy.is_marked(bytes(self._sent))
        if b"COMMIT" in chunk:
            self._sent.clear()

    def answered(self, chunk: bytes) -> None:
        if self._doomed and b"COMMIT\0" in chunk:
            self._proxy.count()
            raise _Cut


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[bytes], None]
) -> None:
    while chunk := await reader.read(_CHUNK):
        seen(chunk)
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError  # the other half ends with this one


def _set_to_reset(writer: asyncio.StreamWriter) -> None:
    connected: socket.socket = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

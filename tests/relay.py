"""A way to Postgres that sees all that passes, for the doubles that do harm in the midst of it."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536

Watcher = Callable[[bytes], None]
"""Sees each chunk before it goes on; one that raises ConnectionResetError ends the connection."""


class Relay(ABC):
    """Listens on loopback in a thread of its own; `url` leads through it."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The same database, by way of the relay."""
        port = self._server.sockets[0].getsockname()[1]
        login = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{login}@127.0.0.1:{port}"))

    @abstractmethod
    def watchers(self) -> tuple[Watcher, Watcher]:
        """Of a new connection: who sees what is asked, and who sees what is answered."""

    @abstractmethod
    def end(self, back: asyncio.StreamWriter, forth: asyncio.StreamWriter, *, broken: bool) -> None:
        """Close both sides; not `broken` is a connection that outlived the relay."""

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
        asked, answered = self.watchers()
        broken = False
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(near, forth, asked))
                both.create_task(_pump(far, back, answered))
        except* ConnectionError:
            broken = True
        finally:
            self.end(back, forth, broken=broken)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Watcher) -> None:
    while chunk := await reader.read(_CHUNK):
        seen(chunk)
        writer.write(chunk)
        await writer.drain()
    raise ConnectionResetError  # the other half ends with this one

"""A door between a service and Postgres that slams at the worst moment.

A transaction is committed, and the one who asked for it never hears so: its connection is reset
when the answer to COMMIT comes by. Everything else passes unchanged.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.relay import Relay, Watcher

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: to close is to reset


class Proxy(Relay):
    """Cuts the connection of one transaction at a time, and counts the cuts."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._mark = b""
        self.cuts = 0

    def cut_after_commit_of(self, mark: str) -> None:
        """Reset the next connection that commits a transaction in which this text was sent."""
        self._mark = mark.encode()

    def is_marked(self, sent: bytes) -> bool:
        """Whether the transaction is the one that was asked for; it is asked for once."""
        return bool(self._mark) and self._mark in sent and b"COMMIT" in sent

    def count(self) -> None:
        """It was cut."""
        self._mark = b""
        self.cuts += 1

    def watchers(self) -> tuple[Watcher, Watcher]:
        connection = _Connection(self)
        return connection.asked, connection.answered

    def end(self, back: asyncio.StreamWriter, forth: asyncio.StreamWriter, *, broken: bool) -> None:
        """The caller sees a reset; the server hears what was still on its way there."""
        if broken and not back.is_closing():  # one that the caller reset has no socket any more
            _set_to_reset(back)
        back.transport.abort()
        forth.close()


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
            raise ConnectionResetError


def _set_to_reset(writer: asyncio.StreamWriter) -> None:
    connected: socket.socket = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

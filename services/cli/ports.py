"""Where the services listen: the documented ports, those of the environment, or any free ones."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping

from shared.refusal import StartRefused

_HOST = "127.0.0.1"
_PATIENCE_SECONDS = 3.0
_PORTS = range(1, 65536)


class Ports:
    """The choice of one start; never the same port twice."""

    def __init__(self, environ: Mapping[str, str], *, any_free: bool) -> None:
        self._environ = environ
        self._any_free = any_free
        self._taken: set[int] = set()

    def wanted(self, variable: str, default: int) -> int | None:
        """The port asked for; None for any free one."""
        if self._any_free:
            return None
        text = self._environ.get(variable) or str(default)
        if not text.isdecimal() or int(text) not in _PORTS:
            raise StartRefused(f"{variable} is {text!r}: a port is a number from 1 to 65535.")
        return int(text)

    async def of(self, defaults: Mapping[str, int]) -> Mapping[str, int]:
        """A free port for each variable."""
        return {variable: await self._one(variable, port) for variable, port in defaults.items()}

    async def _one(self, variable: str, default: int) -> int:
        port = self.wanted(variable, default)
        if port is None:
            return self._any()
        # gRPC would silently share a port with another server. A predecessor gets time to leave.
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while port in self._taken or not _is_free(port):
            if time.monotonic() > deadline:
                raise StartRefused(
                    f"Port {port} of {_HOST} is in use by another program. Set {variable} to a "
                    "free one, or let `footfall up --ports auto` find free ports for all."
                )
            await asyncio.sleep(0.1)
        self._taken.add(port)
        return port

    def _any(self) -> int:
        while (port := _free_port()) in self._taken:
            continue
        self._taken.add(port)
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is nobody's
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])

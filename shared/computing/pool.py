"""Heavy arithmetic leaves the loop: a few child processes compute what they are sent.

They are programs of their own, not forks: a fork of a process with gRPC's threads can hang, and
the libraries of statistics take memory and seconds to import that the service itself can spare.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import sys
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from shared.computing.worker import HEADER
from shared.errors import Overloaded

_LOG = logging.getLogger("footfall.computing")
_MODULE = "shared.computing.worker"
_PIECE_SECONDS = 60.0
"""A piece that takes longer is taken for one that never ends."""
_MOST_WAITING = 64
_MOST_OF_ONE = 32
"""Of them those of one owner: whoever asks a lot leaves half of the places to the others."""
_TRIES = 2
_CLOSE_SECONDS = 2.0
# Two libraries that each take every core are slower than each on one.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    "1",
)
T = TypeVar("T")


class ComputingFailed(RuntimeError):
    """What was computed raised: a defect, with the child's own traceback."""


class ComputeAway(Overloaded):
    """The statistics are not available at the moment."""


class _Died(Exception):
    """The child ended before it answered."""


class ComputePool:
    """So many children, each with one piece at a time; what dies is replaced.

    Pieces of one owner go one after the other, and line up anew for each: those of different
    owners take turns, however many each has.
    """

    def __init__(self, *, size: int = 1, warm: Sequence[str] = ()) -> None:
        self._size = size
        self._warm = tuple(warm)
        self._children: list[_Child] = []
        self._idle: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()
        self._pieces: dict[asyncio.Task[object], Hashable] = {}
        self._lines: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The children that run, for operators and tests."""
        return [child.pid for child in self._children if child.pid is not None]

    def start(self) -> None:
        """Have the children start; they import in the background what they will need."""
        for _ in range(self._size):
            child = _Child(self._warm)
            child.start()
            self._children.append(child)
            self._idle.put_nowait(child)

    async def run(self, owner: Hashable, function: Callable[..., T], *arguments: object) -> T:
        """`function(*arguments)`, computed in a child for its owner.

        The function is found by its name there, and so is defined by a module. Who is cancelled
        does not wait: the piece is finished for nobody. Raises Overloaded when too many wait or
        when a child died twice over it, and ComputingFailed for what the function raised.
        """
        if self._closed or self._crowded(owner):
            raise ComputeAway
        line = self._lines.setdefault(owner, asyncio.Lock())
        piece = asyncio.create_task(self._in_line(line, function, arguments))
        self._pieces[piece] = owner
        piece.add_done_callback(self._forget)
        try:
            return await asyncio.shield(piece)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if piece.cancelled() and not (task and task.cancelling()):
                raise ComputeAway from None  # the pool closes
            raise

    async def close(self) -> None:
        """End the children; who still waits is told that the statistics are away."""
        self._closed = True
        for piece in self._pieces:
            piece.cancel()
        await asyncio.gather(*self._pieces, return_exceptions=True)
        while not self._idle.empty():
            await self._idle.get_nowait().end()

    def _crowded(self, owner: Hashable) -> bool:
        own = sum(other == owner for other in self._pieces.values())
        return len(self._pieces) >= _MOST_WAITING or own >= _MOST_OF_ONE

    def _forget(self, piece: asyncio.Task[object]) -> None:
        self._pieces.pop(piece, None)
        if not piece.cancelled():
            piece.exception()  # whoever asked may be gone

    async def _in_line(
        self, line: asyncio.Lock, function: Callable[..., T], arguments: tuple[object, ...]
    ) -> T:
        async with line:
            return await self._computed(function, arguments)

    async def _computed(self, function: Callable[..., T], arguments: tuple[object, ...]) -> T:
        sent = pickle.dumps((function, arguments), protocol=pickle.HIGHEST_PROTOCOL)
        child = await self._idle.get()
        try:
            for _ in range(_TRIES):
                try:
                    fine, answer = await child.answer(sent)
                except _Died:
                    child = await self._replace(child)
                    continue
                if fine:
                    return cast("T", answer)
                raise ComputingFailed(answer)
        except asyncio.CancelledError:
            child = await self._replace(child)
            raise
        finally:
            self._idle.put_nowait(child)
        raise ComputeAway

    async def _replace(self, child: _Child) -> _Child:
        _LOG.warning("a process of statistics is replaced", extra={"pid": child.pid})
        await child.end()
        fresh = _Child(self._warm)
        self._children[self._children.index(child)] = fresh
        if not self._closed:
            fresh.start()
        return fresh


def _environment() -> dict[str, str]:
    """Ours without the settings: passwords are nothing that arithmetic needs."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("FOOTFALL_")}
    return rest | _ONE_THREAD


class _Child:
    """One process, started in the background."""

    def __init__(self, warm: Sequence[str]) -> None:
        self._argv = (sys.executable, "-P", "-m", _MODULE, *warm)
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None

    @property
    def pid(self) -> int | None:
        if self._starting is None or not self._starting.done() or self._starting.exception():
            return None
        return self._starting.result().pid

    def start(self) -> None:
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the service, which ends its children in order
        )

    async def answer(self, sent: bytes) -> tuple[bool, Any]:
        """What the child makes of a piece. Raises _Died."""
        try:
            if self._starting is None:
                self.start()
            assert self._starting is not None
            process = await asyncio.shield(self._starting)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(HEADER.pack(len(sent)) + sent)
            async with asyncio.timeout(_PIECE_SECONDS):
                await process.stdin.drain()
                (length,) = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
                received = await process.stdout.readexactly(length)
        except (OSError, RuntimeError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise _Died from error  # uvloop calls a pipe that is closed a RuntimeError
        return pickle.loads(received)  # type: ignore[no-any-return]  # noqa: S301 - our own child

    async def end(self) -> None:
        if self._starting is None:
            return
        with contextlib.suppress(OSError):
            process = await self._starting
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _CLOSE_SECONDS)

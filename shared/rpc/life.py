"""The life of a server: starting, serving, away, stopping; and the order in which it ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from shared.errors import StreamLifeEnded
from shared.rpc.health import Probe, Readiness, State, keep_probing

if TYPE_CHECKING:
    from grpc import aio

    from shared.rpc.call import Call
    from shared.settings import CallSettings

_LOG = logging.getLogger("footfall.server")
_PROBE_SECONDS = 1.0
_CANCELLED_SECONDS = 0.5  # for handlers that grpc cancelled to clean up

Step = Callable[[], Awaitable[object]]


class Life:
    """What changes while a server lives, and what the chain knows of it."""

    def __init__(self) -> None:
        self.readiness = Readiness()
        self.stopping = asyncio.Event()
        """Streams are asked to end."""
        self.streams: set[Call] = set()
        self.address = ""
        """Where it listens, once it does."""
        self._stop = asyncio.Event()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT begin the end; a second one changes nothing."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.stop)

    def stop(self) -> None:
        """Begin the end."""
        self._stop.set()

    async def run(self, startup: Step, probe: Probe) -> None:
        """Start, then serve and follow the database, until told to stop."""
        if await self._before_stop(startup()):
            self.readiness.become(State.READY)
            await self._before_stop(keep_probing(self.readiness, probe, _PROBE_SECONDS))

    async def drain(self, server: aio.Server, calls: CallSettings) -> None:
        """Tell balancers, close the port, finish what is in hand, end what does not finish."""
        self.readiness.become(State.STOPPING)
        await asyncio.sleep(calls.stop_notice_seconds)
        self.stopping.set()
        ending = asyncio.create_task(self._end_streams(calls.drain_seconds / 2))
        await server.stop(calls.drain_seconds)
        ending.cancel()
        _LOG.info("stopped", extra={"streams_left": len(self.streams)})

    async def _end_streams(self, patience: float) -> None:
        """Those of health and reflection never end by themselves; the others get time to."""
        for call in [call for call in self.streams if call.method.open]:
            call.end(StreamLifeEnded())
        await asyncio.sleep(patience)
        for call in list(self.streams):
            call.end(StreamLifeEnded())

    async def _before_stop(self, step: Awaitable[object]) -> bool:
        """Whether the step ended before we were told to stop; its error is raised here."""
        working: asyncio.Future[Any] = asyncio.ensure_future(step)
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not working.done():
                working.cancel()
                await asyncio.wait((working,), timeout=_CANCELLED_SECONDS)
        if working.done() and not working.cancelled():
            working.result()
            return not self._stop.is_set()
        return False

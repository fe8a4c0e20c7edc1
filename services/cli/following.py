"""Following a stream of messages that carry resume tokens: one after another, as if it were one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import grpc

from footfall_client.retry import Backoff, failure_of
from services.cli.calling import Caller, refusal

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_PASSING = frozenset({"UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"})


class Resumable(Protocol):
    """A message that says how to go on after it."""

    resume_token: str


Message = TypeVar("Message", bound=Resumable)


@dataclass
class Following(Generic[Message]):
    """What is followed, and how far it was: the token leaves no gap and repeats nothing."""

    what: str
    caller: Caller
    stream: Callable[[grpc.aio.Channel, str], Any]
    """Calls the method that streams, from the token on."""
    token: str = ""

    async def messages(self, notice: Callable[[str], None]) -> AsyncIterator[Message]:
        """Every message from now on, or from the token on; through restarts and ends of streams.

        Raises CallRefused when trying again would not help: the credential, the filter, the token,
        or an address where nobody answered even once.
        """
        backoff = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        failures, answered = 0, False
        async with self.caller.channel() as channel:
            while True:
                try:
                    async for message in self.stream(channel, self.token):
                        failures, answered = 0, True
                        yield message
                        self.token = message.resume_token
                except grpc.aio.AioRpcError as error:
                    failure = failure_of(error)
                    if failure.code not in _PASSING or not answered:
                        raise refusal(failure, self.caller.address) from None
                    if failure.reason != "STREAM_LIFE_ENDED":
                        failures += 1
                    if failures == 1:
                        notice(f"{self.what} broke off ({failure}); going on as soon as it can")
                await asyncio.sleep(backoff.delay(failures, 0.0) if failures else 0.0)


def until_told(following: Coroutine[Any, Any, None]) -> None:
    """Run it until it ends, somebody says so (Ctrl-C, SIGTERM) or nobody reads any more."""
    try:
        asyncio.run(_heeding_signals(following))
    except BrokenPipeError:  # whoever read us has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _heeding_signals(following: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(following)
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, task.cancel)
    with suppress(asyncio.CancelledError):  # this is how it ends
        await task

"""What a program does in the background: steps, over and over, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine

from shared.database import Database
from shared.errors import DatabaseAway, Overloaded
from shared.sqlstate import domain_error

_LOG = logging.getLogger("footfall.worker")
_LONGEST_PAUSE_SECONDS = 2.0

Step = Callable[[], Coroutine[None, None, float]]
"""A piece of work; returns for how many seconds there is nothing more to do."""


async def until_told_to_stop(work: Coroutine[None, None, None]) -> None:
    """Do it until the operator stops the program; what is in hand then is cancelled."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # each attempt would be a warning
    working = asyncio.create_task(work)
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, working.cancel)
    await asyncio.wait((working,))
    if not working.cancelled():
        working.result()
    _LOG.info("stopped")


async def over_and_over(step: Step, *databases: Database) -> None:
    """Do it for ever. What fails is said once and tried again, after pauses that grow."""
    failures = 0
    while True:
        try:
            pause = await step()
        except Exception as error:  # noqa: BLE001 - the other step goes on, this one does later
            if not failures:
                _say(step, error)
            failures += 1
            pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**failures)
            for database in databases:
                await database.purge()
        else:
            if failures:
                _LOG.info("goes on", extra={"step": step.__name__})
            failures = 0
        _end_if_told()
        await asyncio.sleep(pause)


def _end_if_told() -> None:
    """A wait for a connection that comes in the same moment swallows the cancellation.

    It is `asyncio.wait_for` of Python 3.11 that does; the task still knows of it.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _say(step: Step, error: Exception) -> None:
    away = isinstance(error, DatabaseAway) or isinstance(
        domain_error(error), DatabaseAway | Overloaded
    )
    message = "waiting for the database" if away else "failed, will be tried again"
    _LOG.warning(message, extra={"step": step.__name__}, exc_info=None if away else error)

"""The demo's own installation: emptied, started whole on free ports, and stopped without a trace.

What it leaves is its data directory, so that `footfall up` can show it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from services.cli.state import LOCK, State, withdraw
from services.cli.suite import chosen
from services.cli.supervise import Supervisor, Wish
from shared.data_dir import DataDir
from shared.embedded import status
from shared.refusal import StartRefused

_MARK = "made-by-footfall-demo"
_PREFIX = "FOOTFALL_"
_LAST_ONE_ENDS_WITHIN_SECONDS = 15.0


class NotOfADemo(StartRefused):
    """The directory holds something that no demo made, and a demo would delete it."""


@asynccontextmanager
async def staged(
    data_dir: DataDir, notice: Callable[[str], None], only: Iterable[str] = ()
) -> AsyncIterator[State]:
    """The suite, or these services, on an empty directory; leaving stops it, whatever happened."""
    from shared.schema.migrate import migrate

    _require_own(data_dir)
    data_dir.prepare()
    with data_dir.held(LOCK, by="footfall demo"):
        (data_dir.root / _MARK).touch()
        await _until_postgres_is_gone(data_dir)
        _empty(data_dir)
        wish = Wish(data_dir, _environ(os.environ), any_ports=True, programs=chosen(only))
        supervisor = Supervisor(wish, migrate, notice)
        try:
            yield await supervisor.start()
        finally:
            await supervisor.stop()


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Without settings: a demo shows the product as it comes, and touches no database of others."""
    return {name: value for name, value in environ.items() if not name.startswith(_PREFIX)}


def _require_own(data_dir: DataDir) -> None:
    root = data_dir.root
    if not root.is_dir() or (root / _MARK).exists() or not any(root.iterdir()):
        return
    raise NotOfADemo(
        f"{root} holds something that no demo made. A demo empties its directory: name another one "
        "with --data-dir, or none."
    )


def _empty(data_dir: DataDir) -> None:
    """All but `run`, where our lock is."""
    withdraw(data_dir)
    for path in (data_dir.postgres, data_dir.secrets, data_dir.logs):
        shutil.rmtree(path, ignore_errors=True)
    data_dir.prepare()


async def _until_postgres_is_gone(data_dir: DataDir) -> None:
    """A demo that was killed has a Postgres that is just shutting down."""
    deadline = time.monotonic() + _LAST_ONE_ENDS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        found = status.read(data_dir)
        if found is None or not _lives(found.pid):
            return
        await asyncio.sleep(0.05)
    raise StartRefused(f"A Postgres still runs on {data_dir.root}; see `footfall status`.")


def _lives(pid: int) -> bool:
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True

"""One program: its loop, its exit code, and where its log lines go."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from shared.refusal import StartRefused
from shared.rpc.call import current_call
from shared.settings import Settings
from shared.settings_source import load, unknown_names
from shared.telemetry import logs

Main = Callable[[Settings], Coroutine[Any, Any, None]]


def run(main: Main) -> int:
    """Read the settings and run `main` on the fastest loop there is; returns the exit code.

    A refusal to start is told to the operator in one line, not in the log of a program that never
    was.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes lines of its own format
    try:
        settings = load(Settings)
        log_lines(settings)
        _spare_the_collector()
        _run(main(settings))
    except StartRefused as refusal:
        print(f"footfall: {refusal}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def log_lines(settings: Settings) -> None:
    """Send log lines where the settings say, each with the call that it belongs to."""
    telemetry = settings.telemetry
    logs.install(telemetry.log_level, telemetry.log_format, _fields_of_the_call)
    for name in unknown_names(Settings):
        logs.LOG.warning("unknown setting, ignored", extra={"setting": name})


def _spare_the_collector() -> None:
    """Collect cycles seldom: calls make thousands of objects and hardly a cycle.

    With Python's own thresholds a sixth of the time that batches take went into looking for them,
    much of it among what the imports made, which stays for ever.
    """
    gc.freeze()
    gc.set_threshold(25_000, 20, 20)


def _run(main: Coroutine[Any, Any, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(main)
    else:
        import uvloop

        uvloop.run(main)


def _fields_of_the_call() -> Mapping[str, object]:
    call = current_call.get()
    if call is None:
        return {}
    return {"method": call.method.path, "request_id": call.request_id, "org": call.org}

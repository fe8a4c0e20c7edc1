"""The machine: the data directory, its disk, and the ports."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from services.cli.examining.finding import Finding, fail, ok, warn
from services.cli.state import LOCK, published
from services.cli.suite import SUITE
from shared.data_dir import DataDir
from shared.embedded.account import Account
from shared.embedded.cluster import require_reachable
from shared.refusal import StartRefused

_ROOM_BYTES = 2 * 1024**3
_POSTGRES_PORT = ("FOOTFALL_POSTGRES_PORT", 50432)


def examine(
    data_dir: DataDir, environ: Mapping[str, str], *, own_database: bool
) -> Iterator[Finding]:
    """Everything that a start on this directory stands on."""
    yield from _directory(data_dir)
    yield from _secrets(data_dir)
    yield _room(data_dir)
    if published(data_dir) is None:
        yield from _ports(environ, own_database=own_database)


def _directory(data_dir: DataDir) -> Iterator[Finding]:
    root = data_dir.root
    if not root.exists():
        yield _can_be_made(root)
        return
    if not os.access(root, os.W_OK | os.X_OK):
        yield fail("data directory", f"{root} is not yours to write", "Use --data-dir.")
        return
    try:
        if data_dir.run.exists():
            require_reachable(data_dir, Account.unprivileged())
    except StartRefused as error:
        yield fail("data directory", f"{root} is out of reach of Postgres", str(error))
        return
    yield ok("data directory", str(root))


def _can_be_made(root: Path) -> Finding:
    above = next(parent for parent in root.parents if parent.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return ok("data directory", f"{root} is made at the first start")
    return fail("data directory", f"{root} cannot be made below {above}", "Use --data-dir.")


def _secrets(data_dir: DataDir) -> Iterator[Finding]:
    """What is secret must be readable by its owner alone."""
    if not data_dir.secrets.is_dir():
        return
    paths = [data_dir.secrets, *data_dir.secrets.iterdir()]
    for path in paths:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield fail("secrets", f"others may read {path}", f"chmod go-rwx {path}")


def _room(data_dir: DataDir) -> Finding:
    place = data_dir.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    words = f"{free / 1024**3:.1f} GiB free"
    if free >= _ROOM_BYTES:
        return ok("disk", words)
    return warn("disk", words, "A full disk stops Postgres: make room, or move the data directory.")


def _ports(environ: Mapping[str, str], *, own_database: bool) -> Iterator[Finding]:
    """Nothing of ours runs here: what `footfall up` will listen on has to be free."""
    wanted = {name: port for program in SUITE for name, port in program.ports().items()}
    if not own_database:
        wanted |= dict([_POSTGRES_PORT])
    taken = {}
    for name, default in wanted.items():
        text = environ.get(name) or str(default)
        if text.isdecimal() and not _is_free(int(text)):
            taken[name] = int(text)
    for name, port in taken.items():
        advice = f"Set {name} to another, or start with `footfall up --ports auto`."
        yield warn("ports", f"{port} is in use by another program", advice)
    if not taken:
        yield ok("ports", "those that `footfall up` takes are free")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def running(data_dir: DataDir) -> Finding:
    """Whether `footfall up` runs on this directory."""
    holder = data_dir.holder(LOCK) if data_dir.run.is_dir() else None
    if holder is None:
        return ok("services", "none run here; start them with `footfall up`")
    if published(data_dir) is None:
        return warn("services", f"pid {holder} is still starting them", "Ask again in a moment.")
    return ok("services", f"supervised by pid {holder}")

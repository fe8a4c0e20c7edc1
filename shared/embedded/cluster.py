"""Making a cluster, once: beside its place and renamed, so that it is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

from shared import child
from shared.data_dir import DataDir, DataDirUnusable
from shared.embedded.account import Account
from shared.embedded.status import ADMINISTRATOR, PASSWORD_FILE
from shared.refusal import StartRefused


class PostgresRefused(StartRefused):
    """The embedded Postgres did not start."""


def require_reachable(data_dir: DataDir, account: Account) -> None:
    """Refuse a directory that the account cannot enter, naming the step where it is stopped."""
    if account.can_enter(data_dir.run):
        return
    raise DataDirUnusable(
        f"The data directory {data_dir.root} is out of reach: Postgres does not run as root but "
        f"as the account {account.name}, which cannot pass {account.barrier(data_dir.run)}. "
        "Choose a directory elsewhere with --data-dir or FOOTFALL_DATA_DIR (the default is "
        "/var/lib/footfall), or run as an ordinary user."
    )


async def make(data_dir: DataDir, initdb: Path, account: Account) -> str:
    """Make the cluster unless it is there; answer the administrator's password."""
    target = data_dir.postgres
    if target.exists() and data_dir.secret(PASSWORD_FILE) is None:
        raise PostgresRefused(
            f"The cluster {target} has no password in {data_dir.secrets / PASSWORD_FILE}. Put "
            "that file back, or move the directory away to begin with an empty database."
        )
    password = data_dir.secret_or_new(PASSWORD_FILE)
    if not target.exists():
        _sweep(target.parent)
        await _make(target, password, initdb, account)
        _sweep(target.parent)  # what a killed initdb still wrote while it was being swept
    return password


def _sweep(root: Path) -> None:
    for leftover in root.glob(".initdb-*"):
        shutil.rmtree(leftover, ignore_errors=True)


async def _make(target: Path, password: str, initdb: Path, account: Account) -> None:
    room = Path(tempfile.mkdtemp(dir=target.parent, prefix=".initdb-"))
    try:
        password_file = room / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        for path in (room, password_file):
            account.give(path)
        await _initdb(initdb, room / "data", password_file, account)
        (room / "data").rename(target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(room, ignore_errors=True)


async def _initdb(initdb: Path, data: Path, password_file: Path, account: Account) -> None:
    argv: list[str | Path] = [
        initdb, "-D", data, "-U", ADMINISTRATOR, "-A", "scram-sha-256",
        f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8",
        "--data-checksums", "--no-instructions",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as output:
        making = account.popen(argv, output=output, dies_with=signal.SIGTERM)
        try:
            code = await child.exit_code(making)
        finally:
            await child.end(making, (signal.SIGTERM, 5.0))
        if code != 0:
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
            raise PostgresRefused(f"initdb could not make a cluster in {data.parent}:\n{said}")


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

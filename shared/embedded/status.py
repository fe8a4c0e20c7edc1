"""What a running cluster says of itself: the file that every postmaster keeps in its data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import quote

from shared.data_dir import DataDir

HOST = "127.0.0.1"
ADMINISTRATOR = "postgres"
DATABASE = "footfall"
PASSWORD_FILE = "postgres.password"  # noqa: S105 - the name of a file


@dataclass(frozen=True)
class Status:
    """A running postmaster; `ready` when it takes statements (after recovery)."""

    pid: int
    port: int
    ready: bool


def read(data_dir: DataDir) -> Status | None:
    """The postmaster of this data, None while there is none or its file is half written."""
    try:
        lines = (data_dir.postgres / "postmaster.pid").read_text().splitlines()
        return Status(int(lines[0]), int(lines[3]), lines[7].strip() == "ready")
    except (FileNotFoundError, PermissionError, IndexError, ValueError):
        return None


def running_admin_url(data_dir: DataDir) -> str | None:
    """The administrator's URL of the cluster that runs on this data, None when none does."""
    status = read(data_dir)
    if status is None or not status.ready or not _alive(status.pid):
        return None
    password = data_dir.secret(PASSWORD_FILE)
    return None if password is None else admin_url(password, status.port)


def admin_url(password: str, port: int, database: str = DATABASE) -> str:
    """The superuser's URL over TCP."""
    return f"postgresql://{ADMINISTRATOR}:{quote(password, safe='')}@{HOST}:{port}/{database}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

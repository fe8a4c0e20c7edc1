"""What `footfall up` publishes of itself beside its data, and `footfall status` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.data_dir import DataDir, write_private
from shared.refusal import StartRefused

LOCK = "up"
_FILE = "up.json"

State = Mapping[str, Any]
"""Addresses by service, `database_url` (the read-only login), `pids` by program."""


def publish(data_dir: DataDir, state: State) -> None:
    """Private, because it holds a password."""
    write_private(data_dir.run / _FILE, json.dumps(state) + "\n")


def withdraw(data_dir: DataDir) -> None:
    """At the end, and at the start: one that was killed could not."""
    (data_dir.run / _FILE).unlink(missing_ok=True)


def published(data_dir: DataDir) -> State | None:
    """The state of what runs on this data; None when nothing does, or still starts."""
    try:
        if data_dir.holder(LOCK) is None:
            return None
        found: State = json.loads((data_dir.run / _FILE).read_text())
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StartRefused(
            f"{error.filename} belongs to another account. Ask as the one that started it."
        ) from error
    return found

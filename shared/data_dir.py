"""The data directory: where one installation keeps its database, secrets, logs and run files.

    postgres/   the embedded cluster            secrets/  passwords and keys, for the owner alone
    run/        up.json, locks, the socket      logs/     one file per program

One place decides names and modes, so that no other code joins paths or forgets a chmod.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import platformdirs

from shared.refusal import StartRefused

_ROTATE_AT_BYTES = 16 * 1024 * 1024


class DataDirUnusable(StartRefused):
    """The data directory cannot be used."""


class DataDirHeld(StartRefused):
    """Another program works on this data directory."""


def default_root() -> Path:
    """Where data goes when nobody says: a system directory for root, the user's own otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/footfall")
    return Path(platformdirs.user_data_dir("footfall", appauthor=False))


@dataclass(frozen=True)
class DataDir:
    """One installation's directory; making the value touches nothing, `prepare` does."""

    root: Path

    @classmethod
    def at(cls, root: str | os.PathLike[str] | None = None) -> DataDir:
        """The directory named, else the default one; absolute, because children change theirs."""
        return cls(Path(root).expanduser().absolute() if root else default_root())

    @property
    def postgres(self) -> Path:
        """The embedded cluster, owned by the account that Postgres runs as."""
        return self.root / "postgres"

    @property
    def secrets(self) -> Path:
        """Passwords and keys; mode 0700, files 0600."""
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """What matters only while something runs."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log per program, the run before last is thrown away."""
        return self.root / "logs"

    def prepare(self) -> DataDir:
        """Create what is missing, with its modes; refuse in words when that cannot be done."""
        # As root Postgres runs under another account that has to pass through the root directory
        # and `run`: others may enter (x) but not list (r).
        passable = 0o711 if os.geteuid() == 0 else 0o700
        modes = {self.root: passable, self.run: passable, self.secrets: 0o700, self.logs: 0o700}
        try:
            for path, mode in modes.items():
                _make(path, mode)
            _probe(self.run)
        except OSError as error:
            raise DataDirUnusable(
                f"The data directory {self.root} cannot be used: {error.strerror} "
                f"({error.filename}). Give this account the right to write there, or choose "
                "another directory with --data-dir or FOOTFALL_DATA_DIR."
            ) from error
        return self

    def secret(self, name: str) -> str | None:
        """The secret of that name, None when there is none yet."""
        try:
            return (self.secrets / name).read_text().strip() or None
        except FileNotFoundError:
            return None

    def secret_or_new(self, name: str) -> str:
        """The secret of that name, made (256 random bits, URL-safe) at first use."""
        if (known := self.secret(name)) is not None:
            return known
        write_private(self.secrets / name, secrets.token_urlsafe(32))
        return self.secret(name) or ""

    def open_log(self, program: str) -> int:
        """A descriptor to append to `logs/<program>.log`; a big log is first moved to `.log.1`."""
        path = self.logs / f"{program}.log"
        if path.exists() and path.stat().st_size > _ROTATE_AT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def log(self, program: str) -> Path:
        """Where `open_log` writes."""
        return self.logs / f"{program}.log"

    @contextmanager
    def held(self, name: str, by: str) -> Iterator[None]:
        """Hold `run/<name>.lock` while inside, or refuse naming the holder.

        The kernel drops the lock with its holder, so a crash leaves no stale one; the file itself
        stays, because removing it would let two holders lock two files of one name.
        """
        path = self.run / f"{name}.lock"
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+") as file:
            if not _lock(file, fcntl.LOCK_EX, seconds=0.2):  # `holder` looks for a moment
                raise DataDirHeld(_held_message(self.root, _holder(file)))
            file.truncate()
            file.write(json.dumps({"pid": os.getpid(), "program": by}))
            file.flush()
            yield
            file.seek(0)
            file.truncate()

    def holder(self, name: str) -> int | None:
        """The process that holds `run/<name>.lock`; None when nobody does."""
        try:
            with (self.run / f"{name}.lock").open() as file:
                return None if _lock(file, fcntl.LOCK_SH) else _holder(file)[1]
        except FileNotFoundError:
            return None


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 so that a reader sees all of it or the one before."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 by nature
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise


def _make(path: Path, mode: int) -> None:
    if not path.parent.is_dir():
        _make(path.parent, mode)
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        path.chmod(mode)  # not mkdir's argument: the umask would cut it
    elif (now := stat.S_IMODE(path.stat().st_mode)) & 0o111 & mode != mode & 0o111:
        path.chmod(now | (mode & 0o111))  # e.g. made by `mktemp -d`: let Postgres' account in


def _probe(path: Path) -> None:
    with tempfile.TemporaryFile(dir=path):
        return


def _lock(file: TextIO, kind: int, seconds: float = 0.0) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _holder(file: TextIO) -> tuple[str, int]:
    """Program and pid, as the holder wrote them; it may be about to."""
    try:
        found = json.loads(file.read())
        return str(found["program"]), int(found["pid"])
    except (ValueError, KeyError):
        return "another program", 0


def _held_message(root: Path, holder: tuple[str, int]) -> str:
    program, pid = holder
    return (
        f"{program} (pid {pid or 'not yet known'}) already works on {root}. See it with `footfall "
        f"status`, stop it with `kill {pid or 'PID'}`, or choose another directory with --data-dir."
    )

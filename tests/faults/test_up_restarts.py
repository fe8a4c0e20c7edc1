"""What dies under `footfall up` comes back in its place; when `up` itself dies nothing stays."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from shared.data_dir import DataDir
from tests.postgres import scratch_data_dir
from tests.running import running_on, until_nothing_runs_on
from tests.ups import Up, until_serving, up

TINY = "tests.e2e.tiny.suite"


@pytest.fixture
def data_dir() -> Iterator[DataDir]:
    with scratch_data_dir() as scratch:
        yield scratch


def status_when(running: Up, holds: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
    deadline = time.monotonic() + 20
    line: Mapping[str, Any] = json.loads(running.status().stdout)
    while not holds(line):
        assert time.monotonic() < deadline, f"not so after 20 s: {line}"
        line = json.loads(running.status().stdout)
    return line


def kill(running: Up, name: str) -> Mapping[str, Any]:
    """Kill one program and wait until status knows its successor."""
    killed = json.loads(running.status().stdout)["pids"][name]
    os.kill(killed, signal.SIGKILL)
    return status_when(running, lambda line: line["pids"].get(name, killed) != killed)


@pytest.mark.parametrize("name", ["tiny", "tiny_worker", "postgres"])
def test_what_is_killed_is_back_in_its_place_with_a_new_pid(data_dir: DataDir, name: str) -> None:
    with up(data_dir, module=TINY) as running:
        before = running.line
        for _ in range(2):
            after = kill(running, name)
            assert {**after, "pids": None} == {**before, "pids": None}
            until_serving(after["tiny"])
            with psycopg.connect(after["database_url"]) as connection:
                connection.execute("SELECT 1")
        code, _, told = running.end(signal.SIGTERM)
        assert code == 0
        assert f"{name} ended (signal 9) and was started again" in told


def test_everything_killed_at_once_comes_back(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        before = running.line
        for pid in before["pids"].values():
            os.kill(pid, signal.SIGKILL)
        after = status_when(
            running,
            lambda line: (
                line["pids"].keys() == before["pids"].keys()
                and not set(line["pids"].values()) & set(before["pids"].values())
            ),
        )
        until_serving(after["tiny"])
        assert running.end(signal.SIGTERM)[0] == 0


def test_kill_9_of_up_leaves_nothing_and_the_next_up_starts_at_once(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        with psycopg.connect(running.line["database_url"]):  # a session that is still there
            running.process.kill()
            running.process.wait()
            silence = running.status()
            assert silence.returncode == 1
            assert "Nothing runs" in silence.stderr
        with up(data_dir, module=TINY) as again:
            until_serving(again.line["tiny"])
            assert again.end(signal.SIGTERM)[0] == 0
    assert not running_on(data_dir.root)


def test_a_stopped_up_that_is_killed_leaves_nothing(data_dir: DataDir) -> None:
    with up(data_dir, module=TINY) as running:
        assert running.line
        running.process.send_signal(signal.SIGSTOP)
        running.process.kill()
    until_nothing_runs_on(data_dir.root)

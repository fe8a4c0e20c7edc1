"""One embedded Postgres: started, watched and stopped as our child."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg

from shared import child
from shared.data_dir import DataDir
from shared.embedded import binaries, cluster, status
from shared.embedded.account import Account
from shared.embedded.cluster import PostgresRefused
from shared.embedded.status import DATABASE, HOST, PASSWORD_FILE

SETTINGS: Mapping[str, str] = {
    "shared_buffers": "256MB",
    "max_connections": "200",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",  # short statements: compiling costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # we read the words of a start that failed
    "logging_collector": "off",
    "cluster_name": "footfall",
}
_LOG = "postgres"
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 104 to 108 bytes, by system
_POLL_SECONDS = 0.02
_TAKEOVER_SECONDS = 30.0
_PORT_SECONDS = 3.0


class EmbeddedPostgres:
    """Postgres on loopback over the cluster in `data_dir`. Start it from the main thread.

    However our process dies, the kernel sends the postmaster SIGINT: a fast shutdown.
    """

    def __init__(
        self, data_dir: DataDir, port: int | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self._settings = {**SETTINGS, **(settings or {})}
        self._account = Account.unprivileged()
        self._held = contextlib.ExitStack()
        self._programs = Path()
        self._postmaster: subprocess.Popen[bytes] | None = None
        self._password = ""

    @property
    def admin_url(self) -> str:
        """The superuser's URL of the database `footfall`; it holds the password."""
        return status.admin_url(self._password, self.port or 0)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        if self._postmaster is None or self._postmaster.poll() is not None:
            return None
        return self._postmaster.pid

    async def start(self) -> None:
        """Make the cluster if there is none, start it and wait until it takes statements.

        Refuses, as `StartRefused`, when another program holds the data, the programs are missing
        or out of reach, the directory cannot be used, or Postgres itself refuses.
        """
        self.data_dir.prepare()
        with contextlib.ExitStack() as held:
            held.enter_context(self.data_dir.held("postgres", by="footfall"))
            cluster.require_reachable(self.data_dir, self._account)
            self._programs = binaries.runnable_by(self._account)
            self._password = await cluster.make(
                self.data_dir, self._programs / "initdb", self._account
            )
            await self._launch()
            self._held = held.pop_all()

    async def restart(self) -> None:
        """Start again after a crash, on the same port; recovery is Postgres' own."""
        await self._end_postmaster()
        await self._launch()

    async def wait(self) -> int:
        """The exit code of the postmaster, when it ends."""
        if self._postmaster is None:
            raise RuntimeError("start() comes first")
        return await child.exit_code(self._postmaster)

    async def stop(self) -> None:
        """Fast shutdown: sessions end, what was acknowledged is kept."""
        try:
            await self._end_postmaster()
        finally:
            self._held.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _launch(self) -> None:
        try:
            await self._until_started()
            await _create_database(status.admin_url(self._password, self.port or 0, "postgres"))
        except BaseException:
            await self._end_postmaster()
            raise

    async def _until_started(self) -> None:
        """Start the postmaster; wait for a killed predecessor, find a port where none is given."""
        chosen, began, log = self.port, time.monotonic(), self.data_dir.log(_LOG)
        while True:
            self.port = chosen or _free_port()
            before = log.stat().st_size if log.exists() else 0
            self._postmaster = self._spawn()
            if await self._ready(self._postmaster):
                return
            said = _complaints(log, before)
            if time.monotonic() - began > _patience(said, any_port=chosen is None):
                self.port = chosen
                raise PostgresRefused(
                    f"Postgres did not start on {HOST}:{chosen or '(a free port)'} with "
                    f"{self.data_dir.postgres}: it ended with {self._postmaster.returncode}; "
                    f"its log {log} says:\n{said}"
                )
            await asyncio.sleep(0.1)

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": self._socket_directory(),
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        log = self.data_dir.open_log(_LOG)
        try:
            return self._account.popen(
                [self._programs / "postgres", "-D", self.data_dir.postgres, *options],
                output=log,
                dies_with=signal.SIGINT,
            )
        finally:
            os.close(log)

    def _socket_directory(self) -> str:
        """Where the socket goes; '' means TCP alone, because the kernel limits a socket's path."""
        directory = self.data_dir.run / "socket"
        if len(os.fsencode(directory / f".s.PGSQL.{self.port}")) >= _LONGEST_SOCKET_PATH:
            return ""
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        self._account.give(directory)
        return str(directory)

    async def _ready(self, postmaster: subprocess.Popen[bytes]) -> bool:
        """True when it takes statements, False when it ended instead; recovery has no deadline."""
        while postmaster.poll() is None:
            found = status.read(self.data_dir)
            if found and found.pid == postmaster.pid and found.ready:
                return True
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def _end_postmaster(self) -> None:
        if self._postmaster is not None:
            await child.end(self._postmaster, (signal.SIGINT, 10.0), (signal.SIGQUIT, 10.0))


async def _create_database(url: str) -> None:
    try:
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    except psycopg.OperationalError as error:
        raise PostgresRefused(
            f"Postgres runs but refuses its administrator: {error}. Does {PASSWORD_FILE} in the "
            "secrets belong to this cluster?"
        ) from error
    async with connection:
        found = await connection.execute(
            "SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [DATABASE]
        )
        if await found.fetchone() is None:
            await connection.execute(f"CREATE DATABASE {DATABASE}")


def _patience(said: str, *, any_port: bool) -> float:
    """For how many seconds a start that failed with these words is worth another try.

    A predecessor that was killed leaves children for a moment. Postgres itself knows when its data
    is free again: we wait, and never delete its lock file.
    """
    if '" already exists' in said or "is still in use" in said:
        return _TAKEOVER_SECONDS
    if "could not create any TCP/IP sockets" in said:
        return _TAKEOVER_SECONDS if any_port else _PORT_SECONDS
    return 0.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _complaints(log: Path, since: int) -> str:
    """What the log says that matters, from this start on."""
    with log.open("rb") as file:
        file.seek(since if since <= log.stat().st_size else 0)
        lines = file.read().decode(errors="replace").splitlines()
    marks = ("FATAL", "PANIC", "ERROR", "HINT", "WARNING", "could not")
    return "\n".join(line for line in lines if any(mark in line for mark in marks)) or "nothing"

"""`footfall up`: the database, the schema, the services; kept alive until told to stop.

Order matters twice. Starting: Postgres, migrations, services. Stopping: services first, so that
they drain into a living database, Postgres last.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from services.cli.health import Door
from services.cli.keeping import Mortal, keep
from services.cli.ports import Ports
from services.cli.running import Running
from services.cli.state import LOCK, State, publish, withdraw
from services.cli.suite import SUITE, Program
from shared.data_dir import DataDir
from shared.embedded import EmbeddedPostgres
from shared.refusal import StartRefused
from shared.schema import logins
from shared.settings import Settings
from shared.settings_source import load

_SERVING_WITHIN_SECONDS = 60.0
_ADMINISTRATOR_URL = "FOOTFALL_DATABASE_URL"
_END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Migrate = Callable[[str, DataDir], Awaitable[None]]


@dataclass(frozen=True)
class Wish:
    """What the operator asked for."""

    data_dir: DataDir
    environ: Mapping[str, str]
    any_ports: bool = False
    programs: Sequence[Program] = field(default=SUITE)

    @property
    def settings(self) -> Settings:
        """The environment as settings; refuses values that they may not have."""
        return load(Settings, self.environ)


@dataclass
class Supervisor:
    """The suite, running. `notice` hears, in words, what the operator may want to know."""

    wish: Wish
    migrate: Migrate
    notice: Callable[[str], None]
    _postgres: EmbeddedPostgres | None = field(default=None, init=False)
    _running: list[Running] = field(default_factory=list, init=False)
    _keeping: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _administrator_url: str = field(default="", init=False)
    _ports: Ports = field(init=False)
    _door: Door = field(init=False)

    def __post_init__(self) -> None:
        self._ports = Ports(self.wish.environ, any_free=self.wish.any_ports)
        self._door = Door.of(self.wish.settings.listen)

    async def start(self) -> State:
        """Start everything in order; what stands when a later part refuses is for `stop`."""
        data_dir = self.wish.data_dir
        self._administrator_url = await self._database()
        self.notice("bringing the schema up to date")
        await self._migrate()
        ports = {each.name: await self._ports.of(each.ports()) for each in self.wish.programs}
        for program in self.wish.programs:
            environment = self._environment(program, ports)
            self._running.append(Running(program, environment, data_dir, self._door))
        self.notice("starting the services")
        for running in self._running:
            running.start()
        await asyncio.gather(*(self._require_serving(running) for running in self._running))
        for running in self._running:  # a background worker may have refused meanwhile
            self._require(running, is_well=running.pid is not None)
        self._watch()
        return self._publish()

    async def stop(self) -> None:
        """Services drain, then Postgres goes."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(running.stop() for running in self._running))
        if self._postgres is not None:
            await self._postgres.stop()
        withdraw(self.wish.data_dir)

    def hurry(self) -> None:
        """The operator asked twice: no more draining."""
        for running in self._running:
            running.kill()

    async def _database(self) -> str:
        if url := self.wish.environ.get(_ADMINISTRATOR_URL):
            return url
        self.notice("starting Postgres")
        default = self.wish.settings.storage.postgres_port
        port = self._ports.wanted("FOOTFALL_POSTGRES_PORT", default)
        self._postgres = EmbeddedPostgres(self.wish.data_dir, port)
        await self._postgres.start()
        return self._postgres.admin_url

    async def _migrate(self) -> None:
        try:
            await self.migrate(self._administrator_url, self.wish.data_dir)
        except psycopg.OperationalError as error:
            whose = "embedded Postgres" if self._postgres else f"database of {_ADMINISTRATOR_URL}"
            raise StartRefused(f"The {whose} does not answer: {error}") from error

    def _environment(
        self, program: Program, ports: Mapping[str, Mapping[str, int]]
    ) -> Mapping[str, str]:
        """Ours without the administrator's credential, with the program's own URLs and ports.

        Where others are that it calls, it is told unless the operator did: under TLS they are
        called by a name of their certificate.
        """
        urls = {
            login.variable: logins.url(
                login, self._administrator_url, self.wish.data_dir, self.wish.environ
            )
            for login in logins.LOGINS
            if login.name in program.logins
        }
        inherited = {k: v for k, v in self.wish.environ.items() if k != _ADMINISTRATOR_URL}
        return {
            "FOOTFALL_REFLECTION": "true",
            **self._addresses(program, ports),
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "FOOTFALL_DATA_DIR": str(self.wish.data_dir.root),
            **urls,
            **{variable: str(port) for variable, port in ports[program.name].items()},
        }

    def _addresses(
        self, program: Program, ports: Mapping[str, Mapping[str, int]]
    ) -> Mapping[str, str]:
        """Where those serve that it calls, if they run here."""
        called = [each for each in self.wish.programs if each.name in program.calls]
        return {
            each.address_variable: f"{self._door.host}:{ports[each.name][f'{each.prefix}_PORT']}"
            for each in called
        }

    async def _require_serving(self, running: Running) -> None:
        self._require(running, is_well=await running.serving(_SERVING_WITHIN_SECONDS))

    def _require(self, running: Running, *, is_well: bool) -> None:
        if is_well:
            return
        log = self.wish.data_dir.log(running.program.name)
        said = "\n".join(running.said().splitlines()[-20:]) or "nothing"
        what = "did not start" if running.pid is None else "does not serve"
        raise StartRefused(f"{running.program.name} {what}; it said ({log}):\n{said}")

    def _watch(self) -> None:
        mortals: dict[str, Mortal] = {r.program.name: r for r in self._running}
        if self._postgres is not None:
            mortals["postgres"] = self._postgres
        for name, mortal in mortals.items():
            self._keeping.append(asyncio.create_task(keep(name, mortal, self._reborn)))

    def _reborn(self, message: str) -> None:
        self._publish()
        self.notice(message)

    def _publish(self) -> State:
        state = self._state()
        publish(self.wish.data_dir, state)
        return state

    def _state(self) -> State:
        bi = next(login for login in logins.LOGINS if login.name == logins.BI)
        pids = {running.program.name: running.pid for running in self._running}
        if self._postgres is not None:
            pids["postgres"] = self._postgres.pid
        return {
            **{r.program.name: r.program.scheme + r.address for r in self._running if r.address},
            "database_url": logins.url(
                bi, self._administrator_url, self.wish.data_dir, self.wish.environ
            ),
            "pids": {name: pid for name, pid in pids.items() if pid is not None},
        }


async def run(
    wish: Wish, migrate: Migrate, notice: Callable[[str], None], ready: Callable[[State], None]
) -> None:
    """Start, say `ready`, and stay until a signal; leave nothing behind however it ends."""
    wish.data_dir.prepare()
    with wish.data_dir.held(LOCK, by="footfall up"):
        withdraw(wish.data_dir)
        supervisor = Supervisor(wish, migrate, notice)
        told = _until_told(supervisor)
        try:
            starting = asyncio.create_task(supervisor.start())
            waiting = asyncio.create_task(told.wait())
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if told.is_set():
                starting.cancel()
                with contextlib.suppress(asyncio.CancelledError, StartRefused):
                    await starting
                return
            ready(await starting)
            await waiting
            notice("stopping: the services finish what they accepted, Postgres goes last")
        finally:
            await supervisor.stop()


def _until_told(supervisor: Supervisor) -> asyncio.Event:
    """Set by the first signal to end; the second one hurries."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()

    def heard() -> None:
        if told.is_set():
            supervisor.hurry()
        told.set()

    for signum in _END_SIGNALS:
        # Under `nohup` a hang-up is ignored, and stays so.
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            loop.add_signal_handler(signum, heard)
    return told

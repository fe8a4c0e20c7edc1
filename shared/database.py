"""The door to Postgres. A transaction opens with its tenant set, or it does not open.

`tenant_transaction` serves SQLAlchemy Core; `raw_transaction`, `pipelined_transaction` and
`in_one_round_trip` serve the SQL that was measured to matter. All set the identity as their first
statement, so whatever a connection carried before is overwritten, and it is transaction-local, so
nothing of it is left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.ext.asyncio import AsyncConnection as CoreConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.arrays import register as register_arrays

Row = tuple[Any, ...]
RawConnection = AsyncConnection[Row]

_PING_SECONDS = 2.0
_CANCEL_AGAIN_SECONDS = 0.05
_IDENTIFY = "SELECT app.set_identity(%s, %s, %s)"
_IDENTIFY_HURRIED = f"{_IDENTIFY}, pg_catalog.set_config('lock_timeout', '500ms', true)"
_UNACKNOWLEDGED_MILLISECONDS = 10_000
"""After it a connection counts as broken; the kernel's own patience is a quarter of an hour."""

# Postgres looks each second whether who asked is still there: a query of nobody's ends.
_SESSION_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=30s -c lock_timeout=5s"
    " -c idle_in_transaction_session_timeout=60s -c client_connection_check_interval=1s"
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """For whom a transaction works: what row-level security asks."""

    org_id: UUID
    role: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction: SQLAlchemy's view and psycopg's of the same connection."""

    connection: CoreConnection
    raw: RawConnection


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement for one tenant, to be sent with others in one round trip."""

    tenant: Tenant
    query: LiteralString
    parameters: Sequence[object] | Mapping[str, object]
    hurried: bool = False
    """From it on the transaction gives up on locks soon: others wait for it."""


class WriteRefused(Exception):
    """The login may not write what was to be written, so nothing was."""


class Database:
    """One bounded pool of connections of one login, and SQLAlchemy's engine on top of it."""

    def __init__(self, url: str, *, application_name: str, size: int = 8) -> None:
        self.size = size
        self._pool: AsyncConnectionPool[RawConnection] = AsyncConnectionPool(
            url,
            connection_class=_Lent,
            kwargs={
                "application_name": application_name,
                "options": _SESSION_OPTIONS,
                # Without effect where the system has no such option.
                "tcp_user_timeout": _UNACKNOWLEDGED_MILLISECONDS,
            },
            min_size=1,
            max_size=size,
            max_waiting=size * 32,
            timeout=2.0,
            # The pauses between its attempts double until then; after it the next caller begins
            # anew, so a database that was away for long is back as soon as one that blinked.
            reconnect_timeout=2.0,
            open=False,
            configure=_configure,
            reset=_reset,
            close_returns=True,  # SQLAlchemy closes what it was lent: it goes back to the pool
        )
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._lines: WeakValueDictionary[tuple[UUID, str], asyncio.Lock] = WeakValueDictionary()
        self._writers: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()
        self._long_work = asyncio.Semaphore(max(1, size // 2))
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=self._pool.getconn,
            poolclass=NullPool,
            hide_parameters=True,  # they are data of organisations, and errors end up in logs
        )

    async def open(self) -> None:
        """Begin to connect, in the background; a database that is away is no error here."""
        await self._pool.open()

    async def close(self) -> None:
        """Give back every connection."""
        await self._engine.dispose()
        await self._pool.close()

    async def ping(self) -> None:
        """Return when the database answers; raise psycopg.Error, or TimeoutError, else."""
        async with self._pool.connection(timeout=1.0) as raw, asyncio.timeout(_PING_SECONDS):
            await raw.execute("SELECT 1")

    @asynccontextmanager
    async def turn(self, org_id: UUID) -> AsyncIterator[None]:
        """Long work for an organisation, one piece at a time, of all together few at once.

        Who waits here waits without a connection, and half of them stay for short work.
        """
        async with self._turns.setdefault(org_id, asyncio.Lock()), self._long_work:
            yield

    @asynccontextmanager
    async def in_line(self, org_id: UUID, names: Iterable[str]) -> AsyncIterator[None]:
        """For who writes what others of the organisation write too: one after the other by name.

        Who waits here waits without a connection, and an organisation writes with half of them at
        most, so that one that is busy with itself leaves its neighbours theirs.
        """
        async with AsyncExitStack() as held:
            for name in sorted(set(names)):  # in one order, so that nobody waits for each other
                line = self._lines.setdefault((org_id, name), asyncio.Lock())
                await held.enter_async_context(line)
            writers = self._writers.setdefault(org_id, asyncio.Semaphore(max(1, self.size // 2)))
            await held.enter_async_context(writers)
            yield

    async def purge(self) -> None:
        """Replace connections that broke, all at once: after a restart of Postgres all did."""
        await self._pool.check()

    @asynccontextmanager
    async def tenant_transaction(self, tenant: Tenant) -> AsyncIterator[Transaction]:
        """A transaction of the tenant for SQLAlchemy Core; commits at the end, or rolls back."""
        async with self._engine.connect() as connection, connection.begin():
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, AsyncConnection)
            await raw.execute(_IDENTIFY, (tenant.org_id, tenant.role, tenant.user_id))
            yield Transaction(connection, raw)

    @asynccontextmanager
    async def raw_transaction(self, tenant: Tenant) -> AsyncIterator[RawConnection]:
        """The same without SQLAlchemy, where its cost was measured to matter."""
        async with self._pool.connection() as raw:
            await raw.execute(_IDENTIFY, (tenant.org_id, tenant.role, tenant.user_id))
            yield raw

    @asynccontextmanager
    async def pipelined_transaction(self, tenant: Tenant) -> AsyncIterator[RawConnection]:
        """The same where round trips were measured to matter.

        Nobody waits for a statement until its row is asked for, and the last of them travel with
        COMMIT: one may fail in a later one, or as late as that. So what the login may not do is
        WriteRefused here, a fault of ours, and never something that does not exist.
        """
        before = _times_cancelled()
        async with self._pool.connection() as raw:
            if _times_cancelled() > before:  # by who waited no longer, as its turn came
                raise asyncio.CancelledError
            try:
                async with _pipeline(raw):
                    identity = (tenant.org_id, tenant.role, tenant.user_id)
                    await raw.execute(_IDENTIFY, identity, prepare=True)
                    yield raw
                    await raw.commit()
            except psycopg.OperationalError:
                if raw.closed:  # then the others probably broke too: one failure says it for all
                    await self.purge()
                raise
            except psycopg.errors.InsufficientPrivilege as error:
                raise WriteRefused from error

    @asynccontextmanager
    async def snapshot(self, tenant: Tenant) -> AsyncIterator[RawConnection]:
        """The same for statements that must all see one moment, and write nothing."""
        async with self._pool.connection() as raw:
            await raw.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await raw.set_read_only(True)
            await raw.execute(_IDENTIFY, (tenant.org_id, tenant.role, tenant.user_id))
            yield raw

    async def in_one_round_trip(self, statements: Sequence[Statement]) -> list[Row | None]:
        """Run statements of one or more tenants as one transaction; the first row of each.

        They travel together with BEGIN and COMMIT in one pipeline. When one fails, all are undone.
        """
        before = _times_cancelled()
        async with self._pool.connection() as raw:
            if _times_cancelled() > before:  # by who waited no longer, as its turn came
                raise asyncio.CancelledError
            try:
                return await _pipelined(raw, statements)
            except psycopg.OperationalError:
                if raw.closed:  # then the others probably broke too: one failure says it for all
                    await self.purge()
                raise

    @asynccontextmanager
    async def across_tenants(self) -> AsyncIterator[RawConnection]:
        """A transaction without a tenant, for the maintenance login and look-ups by function.

        Row-level security shows nothing to any other login here.
        """
        async with self._pool.connection() as raw:
            await raw.execute(_IDENTIFY, (None, None, None))
            yield raw


def pool_of_jobs(url: str, *, application_name: str, size: int) -> AsyncConnectionPool[Any]:
    """What the library of the job queue works with: the path of its sessions is its own schema.

    There is nothing of an organisation in it but its id, so no identity is set.
    """
    path = "-c search_path=jobs,pg_catalog,pg_temp"
    return AsyncConnectionPool(
        url,
        kwargs={"application_name": application_name, "options": f"{_SESSION_OPTIONS} {path}"},
        min_size=1,
        max_size=size,
        timeout=2.0,
        reconnect_timeout=2.0,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )


class _Lent(AsyncConnection[Row]):
    """A connection that goes back to its pool when it is closed, be it broken.

    psycopg's own gives back only what still works; the pool would wait for the others for ever, and
    after a restart of Postgres that is all of them.
    """

    async def close(self) -> None:
        """End it, or end its loan."""
        pool = self._pool
        if self.closed and isinstance(pool, AsyncConnectionPool):
            await pool.putconn(self)
            self._pool = None
        else:
            await super().close()


def _times_cancelled() -> int:
    """Of the task at hand. Python 3.11 forgets to tell who waits for what comes at that moment."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


async def _pipelined(raw: RawConnection, statements: Sequence[Statement]) -> list[Row | None]:
    cursors = []
    async with _pipeline(raw):
        for one in statements:
            tenant = (one.tenant.org_id, one.tenant.role, one.tenant.user_id)
            identify = _IDENTIFY_HURRIED if one.hurried else _IDENTIFY
            await raw.execute(identify, tenant, prepare=True)
            cursors.append(await raw.execute(one.query, one.parameters, prepare=True, binary=True))
        await raw.commit()
    return [await cursor.fetchone() for cursor in cursors]


@asynccontextmanager
async def _pipeline(raw: RawConnection) -> AsyncIterator[None]:
    """A pipeline that ends soon when its caller is gone."""
    abandoned: _Abandoned | None = None
    try:
        async with raw.pipeline():
            try:
                yield
            except asyncio.CancelledError:
                abandoned = _Abandoned(raw)
                raise
    finally:
        if abandoned is not None:
            await abandoned.end()


class _Abandoned:
    """A pipeline whose caller is gone. Leaving it waits for whatever had been sent by then.

    A request to cancel that comes before its statement begins is lost: it is made until all ended.
    """

    def __init__(self, raw: RawConnection) -> None:
        self._raw = raw
        self._ended = asyncio.Event()
        self._cancelling = asyncio.create_task(self._cancel())

    async def end(self) -> None:
        """No request is under way any more, so that none meets who borrows the connection next."""
        self._ended.set()
        while not self._cancelling.done():
            with suppress(asyncio.CancelledError):  # one is being raised already
                await asyncio.shield(self._cancelling)

    async def _cancel(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _CANCEL_AGAIN_SECONDS)
                return
            with suppress(psycopg.Error):
                await self._raw.cancel_safe(timeout=_PING_SECONDS)


async def _configure(raw: RawConnection) -> None:
    register_arrays(raw.adapters)
    set_json_loads(orjson.loads, raw)  # what is beyond 64 bits comes back as a double


async def _reset(raw: RawConnection) -> None:
    if raw.info.transaction_status != TransactionStatus.IDLE:
        raise psycopg.OperationalError("a connection came back inside a transaction")
    # Both only say how the next transaction begins: nothing is sent.
    await raw.set_isolation_level(None)
    await raw.set_read_only(None)

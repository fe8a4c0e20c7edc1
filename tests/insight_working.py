"""The worker of insight as a process, and what it has done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import psycopg

from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.programs import Program, program

WORKER = "services.insight.worker"


@asynccontextmanager
async def insight_worker(database: MigratedDatabase, **environment: str) -> AsyncIterator[Program]:
    """A worker on this database that takes another for dead after three seconds."""
    environ = {
        "FOOTFALL_DATA_DIR": str(database.data_dir.root),
        "FOOTFALL_INSIGHT_WORKER_METRICS_PORT": "0",
        "FOOTFALL_INSIGHT_WORKER_LEASE_SECONDS": "3",
        "FOOTFALL_INSIGHT_WORKER_RETRY_SECONDS": "0.05",
        "FOOTFALL_INSIGHT_DATABASE_URL": database.urls["footfall_insight"],
        "FOOTFALL_MAINTENANCE_DATABASE_URL": database.urls["footfall_maintenance"],
        **environment,
    }
    async with program(WORKER, environ=environ) as running:
        await running.heard("working")
        yield running


def runs_of(organisation: Organisation) -> int:
    """How many runs are kept."""
    rows = organisation.database.execute(
        "SELECT count(*) FROM app.insight_runs WHERE org_id = %s", organisation.org_id
    )
    return int(rows[0][0])


@contextmanager
def a_run_held_up(database: MigratedDatabase) -> Iterator[None]:
    """Runs come as far as writing down that they were: insights are written, none is committed."""
    with database.connect() as holder:
        holder.autocommit = False
        holder.execute("LOCK TABLE app.insight_runs IN SHARE MODE")
        try:
            yield
        finally:
            with suppress(psycopg.OperationalError):  # Postgres may have died meanwhile
                holder.rollback()


def held_up(database: MigratedDatabase) -> bool:
    """Whether a run waits there."""
    rows = database.execute(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
        " AND relation = 'app.insight_runs'::regclass"
    )
    return int(rows[0][0]) > 0


async def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    gives_up = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < gives_up
        await asyncio.sleep(0.05)

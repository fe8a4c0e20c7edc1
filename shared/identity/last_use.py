"""When a key was last used, noted beside the calls: no call waits for it, none fails by it."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import psycopg

from shared.database import Database, Tenant
from shared.identity import queries
from shared.identity.identity import Role

_MAX_WAITING = 1_000

logger = logging.getLogger(__name__)


class LastUse:
    """Notes uses one after the other, in a task that lives only while there are any to note.

    How often a key is noted is bounded twice: credentials are looked up twice a minute at most, and
    the database takes one note a minute. What does not fit, or finds the database away, is dropped:
    the next look-up notes it again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[UUID, str], None] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, org_id: UUID, key_id: str) -> None:
        """Have the use written down soon."""
        if len(self._waiting) < _MAX_WAITING:
            self._waiting[org_id, key_id] = None
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
            self._task.add_done_callback(self._written)

    async def close(self) -> None:
        """Write what waits and end."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def _written(self, _: asyncio.Task[None]) -> None:
        self._task = None

    async def _write_all(self) -> None:
        while self._waiting:
            org_id, key_id = next(iter(self._waiting))
            del self._waiting[org_id, key_id]
            try:
                await self._write(org_id, key_id)
            except psycopg.Error as error:
                logger.debug("The last use of key %s was not noted: %s", key_id, error)

    async def _write(self, org_id: UUID, key_id: str) -> None:
        tenant = Tenant(org_id, Role.SERVICE.value)
        async with self._database.raw_transaction(tenant) as connection:
            await queries.update_last_use(connection, org_id, key_id)

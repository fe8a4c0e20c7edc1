"""The fastest way in that Postgres has: COPY BINARY, as a login that row-level security spares.

It writes the very rows that the service has just stored into a table of the same columns, indexes
and partitions; 500 rows and a commit at a time, as the service does. Two loaders: one packs rows
from Python values (psycopg, the ordinary way), one is handed bytes that Postgres itself packed.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from bench.batches import SIZE, Batch
from bench.ground import Base
from shared import ids
from shared.schema import logins

_EQUAL = (
    "CREATE TABLE app.copied (LIKE app.events INCLUDING ALL) PARTITION BY RANGE (id_time)",
    """DO $$ DECLARE part record; BEGIN
      FOR part IN SELECT relname, pg_get_expr(relpartbound, c.oid) AS bound
        FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
        WHERE inhparent = 'app.events'::regclass LOOP
        EXECUTE format('CREATE TABLE app.%I PARTITION OF app.copied %s',
          'copied_' || part.relname, part.bound);
      END LOOP; END $$""",
)
_STORED = """SELECT e.* FROM unnest(%s::timestamptz[], %s::uuid[]) AS k (id_time, event_id)
  JOIN app.events e USING (id_time, event_id) WHERE e.org_id = %s"""
_COPY = "COPY app.copied FROM STDIN (FORMAT binary)"

Rows = Sequence[Sequence[Any]]


class Copier:
    """One connection of the owner, who bypasses row-level security."""

    def __init__(self, connection: psycopg.AsyncConnection, types: Sequence[str]) -> None:
        self._connection = connection
        self._types = types
        self.copied = 0

    async def packed(self, base: Base, batches: Sequence[Batch]) -> list[bytes]:
        """The rows that the service stored of these batches, packed by Postgres."""
        found = []
        # COPY takes no parameters: the client writes them in.
        cursor = psycopg.AsyncClientCursor(self._connection)
        for one in batches:
            statement = f"COPY ({_STORED}) TO STDOUT (FORMAT binary)".encode()
            async with cursor.copy(statement, _keys(base, one)) as copy:
                found.append(b"".join([bytes(part) async for part in copy]))
        return found

    async def values(self, base: Base, batches: Sequence[Batch]) -> list[Rows]:
        """The same rows as Python values; JSON stays the text that it was sent as."""
        found: list[Rows] = []
        for one in batches:
            cursor = await self._connection.execute(
                _STORED.replace("e.*", "e.*, e.data::text"), _keys(base, one)
            )
            rows = await cursor.fetchall()
            found.append([(*row[:-2], Jsonb(row[-1], dumps=str)) for row in rows])
        return found

    async def write(self, batches: Sequence[bytes]) -> float:
        """Rows per second, of packed ones."""
        began = time.perf_counter()
        for rows in batches:
            async with self._connection.cursor().copy(_COPY) as copy:
                await copy.write(rows)
        return self._rate(len(batches), time.perf_counter() - began)

    async def pack_and_write(self, batches: Sequence[Rows]) -> float:
        """Rows per second, of Python values."""
        began = time.perf_counter()
        for rows in batches:
            async with self._connection.cursor().copy(_COPY) as copy:
                copy.set_types(self._types)
                for row in rows:
                    await copy.write_row(row)
        return self._rate(len(batches), time.perf_counter() - began)

    def _rate(self, batches: int, seconds: float) -> float:
        self.copied += batches * SIZE
        return batches * SIZE / seconds


def _keys(base: Base, one: Batch) -> tuple[list[datetime], list[UUID], UUID]:
    places = [datetime.fromtimestamp(ids.place_ms(event_id) / 1000, UTC) for event_id in one.ids]
    return places, [UUID(bytes=event_id) for event_id in one.ids], base.org_id


@asynccontextmanager
async def copying(base: Base) -> AsyncIterator[Copier]:
    for statement in _EQUAL:
        base.execute(statement)
    types = base.execute(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = 'app.events'::regclass AND attnum > 0 ORDER BY attnum"
    )
    async with await psycopg.AsyncConnection.connect(
        base.urls[logins.OWNER], autocommit=True
    ) as connection:
        yield Copier(connection, [name for (name,) in types])

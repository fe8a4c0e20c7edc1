"""ADR 2: what one row per (org, event_id) costs, by two designs, against no such promise.

`place`: the table is partitioned by `id_time`, a pure function of the id, and the primary key is
the promise. `keys`: partitioned by `occurred_at`, with a key table written first in the same
statement. `none`: partitioned by `occurred_at`, unique on (org, occurred_at, event_id) only, which
lets an id sent again with another time in twice. 500 rows a statement, one connection, indexes
alike.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import LiteralString

import psycopg

from bench.ground import scratch
from bench.pairs import Ratio, interleaved
from shared import arrays, ids
from shared.arrays import EPOCH_MICROS
from shared.data_dir import DataDir
from shared.embedded import EmbeddedPostgres

_ORG = uuid.UUID(int=7)
_ROWS = 500
_DAY_US = 86_400_000_000

_COLUMNS = """org_id uuid NOT NULL, id_time timestamptz NOT NULL, event_id uuid NOT NULL,
  occurred_at timestamptz NOT NULL, content_hash bigint NOT NULL, type_id integer NOT NULL,
  user_id text, data jsonb"""

SETUP: tuple[LiteralString, ...] = (
    "CREATE TABLE place (" + _COLUMNS + ", PRIMARY KEY (org_id, id_time, event_id))"
    " PARTITION BY RANGE (id_time)",
    "CREATE TABLE bare (" + _COLUMNS + ", PRIMARY KEY (org_id, occurred_at, event_id))"
    " PARTITION BY RANGE (occurred_at)",
    "CREATE TABLE keyed (" + _COLUMNS + ", PRIMARY KEY (org_id, occurred_at, event_id))"
    " PARTITION BY RANGE (occurred_at)",
    """CREATE TABLE keys (org_id uuid, event_id uuid, content_hash bigint NOT NULL,
      occurred_at timestamptz NOT NULL, PRIMARY KEY (org_id, event_id))""",
)

_SENT: LiteralString = """unnest(%(id)b::uuid[], %(place)b::timestamptz[],
  %(at)b::timestamptz[], %(hash)b::bigint[], %(type)b::integer[], %(user)b::text[],
  %(data)b::jsonb[]) AS s (event_id, id_time, occurred_at, content_hash, type_id, user_id, data)"""
_INTO: LiteralString = (
    " (org_id, event_id, id_time, occurred_at, content_hash, type_id, user_id, data)"
)
INSERTS: dict[str, LiteralString] = {
    "place": "INSERT INTO place" + _INTO + " SELECT %(org)s, s.* FROM " + _SENT
    + " ON CONFLICT DO NOTHING RETURNING event_id",
    "none": "INSERT INTO bare" + _INTO + " SELECT %(org)s, s.* FROM " + _SENT
    + " ON CONFLICT DO NOTHING RETURNING event_id",
    "keys": "WITH s AS (SELECT * FROM " + _SENT + "), new AS (INSERT INTO keys"
    " (org_id, event_id, content_hash, occurred_at) SELECT %(org)s, event_id, content_hash,"
    " occurred_at FROM s ON CONFLICT DO NOTHING RETURNING event_id)"
    " INSERT INTO keyed" + _INTO + " SELECT %(org)s, s.* FROM s JOIN new USING (event_id)"
    " ON CONFLICT DO NOTHING RETURNING event_id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the ADR's table."""

    design: str
    ids: str
    rows: int
    insert: Ratio
    replay: Ratio


def prepare(connection: psycopg.Connection) -> None:
    """Make the tables, with indexes and partitions alike."""
    arrays.register(connection.adapters)
    for statement in SETUP:
        connection.execute(statement)
    for table in ("place", "bare", "keyed"):
        connection.execute(f"CREATE INDEX ON {table} (org_id, occurred_at)")
        connection.execute(f"CREATE INDEX ON {table} (org_id, user_id, occurred_at)")
        _partitions(connection, table)


def _partitions(connection: psycopg.Connection, table: str) -> None:
    connection.execute(
        f"CREATE TABLE {table}_first PARTITION OF {table}"
        " FOR VALUES FROM (MINVALUE) TO ('2000-01-01')"
    )
    this_month = time.gmtime().tm_year * 12 + time.gmtime().tm_mon - 1
    for month in range(this_month - 6, this_month + 3):
        start, end = (f"{m // 12}-{m % 12 + 1:02}-01" for m in (month, month + 1))
        connection.execute(
            f"CREATE TABLE {table}_{month} PARTITION OF {table}"
            f" FOR VALUES FROM ('{start}') TO ('{end}')"
        )


def batch(version: int, spread_days: int) -> dict[str, object]:
    """Parameters of 500 new events, with times scattered over the days before now."""
    now_us = time.time_ns() // 1000
    times = [now_us - random.randrange(spread_days * _DAY_US + 1) for _ in range(_ROWS)]
    new = [uuid.uuid4().bytes if version == 4 else ids.uuid7(now_us // 1000) for _ in times]
    return {
        "org": _ORG,
        "id": arrays.Uuids(new),
        "place": arrays.Instants([ids.place_ms(one) * 1000 - EPOCH_MICROS for one in new]),
        "at": arrays.Instants([moment - EPOCH_MICROS for moment in times]),
        "hash": arrays.Bigints([7] * _ROWS),
        "type": arrays.Integers([2] * _ROWS),
        "user": arrays.Texts([f"user-{random.randrange(5000)}" for _ in times]),
        "data": arrays.Jsonbs([b'{"section":"overview","properties":{"a":1,"b":"two"}}'] * _ROWS),
    }


async def measure(
    connection: psycopg.Connection, *, rows: int, spread_days: int = 0
) -> list[Finding]:
    """Fill each table to `rows`, then compare inserts and replays with no promise."""
    findings = []
    for version in (7, 4):
        for design in INSERTS:
            connection.execute("TRUNCATE place, bare, keyed, keys")
            _fill(connection, (design, "none"), version, rows, spread_days)
            insert = await interleaved(
                _inserting(connection, design, version, spread_days),
                _inserting(connection, "none", version, spread_days),
            )
            replay = await interleaved(
                _replaying(connection, design, version), _replaying(connection, "none", version)
            )
            findings.append(Finding(design, f"v{version}", rows, insert, replay))
    return findings


def _fill(
    connection: psycopg.Connection, designs: tuple[str, ...], version: int, rows: int, spread: int
) -> None:
    for _ in range(rows // _ROWS):
        parameters = batch(version, spread)
        for design in set(designs):
            connection.execute(INSERTS[design], parameters)
    connection.execute("CHECKPOINT")


def _inserting(
    connection: psycopg.Connection, design: str, version: int, spread: int
) -> Callable[[], Awaitable[float]]:
    async def run() -> float:
        batches = [batch(version, spread) for _ in range(40)]
        return _rate(connection, design, batches)

    return run


def _replaying(
    connection: psycopg.Connection, design: str, version: int
) -> Callable[[], Awaitable[float]]:
    again = batch(version, 0)
    connection.execute(INSERTS[design], again)

    async def run() -> float:
        return _rate(connection, design, [again] * 40)

    return run


def _rate(connection: psycopg.Connection, design: str, batches: list[dict[str, object]]) -> float:
    started = time.perf_counter()
    for parameters in batches:
        connection.execute(INSERTS[design], parameters, binary=True).fetchall()
    return len(batches) * _ROWS / (time.perf_counter() - started)


async def main(rows: int) -> None:
    """Measure on a Postgres of its own and print a line per design, version and spread of times."""
    with scratch() as root:
        async with EmbeddedPostgres(DataDir.at(root).prepare()) as postgres:
            with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
                prepare(connection)
                for days in (0, 90):
                    for one in await measure(connection, rows=rows, spread_days=days):
                        head = f"{one.design:5} {one.ids}, times over {days:2} days"
                        print(f"{head}: insert {one.insert}; replay {one.replay}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))

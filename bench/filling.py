"""Events present before a measurement: millions of them in a minute or two, made by Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.ground import Base

_CHUNK = 1_000_000
_INDEXES = """SELECT indexdef FROM pg_indexes WHERE schemaname = 'app' AND tablename = 'events'
  AND indexname <> 'events_pkey'"""

# Ninety days of a thousand users. A version 7 id holds the time, so its place is the day itself.
_TIMES = "now() - interval '90 days' * (1 - (n::float8 / {rows}))"
_V7 = """encode(substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3), 'hex')
  || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15)"""
_FILL = """INSERT INTO app.events (org_id, id_time, event_id, occurred_at, received_at,
    content_hash, type_id, impact, user_id, session_id, feature, data)
  SELECT '{org}', {place}, {id}, at, at, n, 1 + n % 10, 1, 'user-' || n % 1000,
    'session-' || n % 1000, 'feature-' || n % 20,
    '{{"properties":{{"origin":"JFK","destination":"LAX","minutes":42}}}}'
  FROM (SELECT n, {times} AS at FROM generate_series({first}, {last}) AS n) AS made"""


def fill(base: Base, rows: int, version: int) -> None:
    """Bring the events to so many rows."""
    with in_bulk(base):
        for first in range(1, rows + 1, _CHUNK):
            base.administer(_statement(base, rows, version, first))


@contextmanager
def in_bulk(base: Base) -> Iterator[None]:
    """Events are without indexes meanwhile; built at the end they take far less time."""
    indexes = [row[0] for row in base.execute(_INDEXES)]
    names = [index.split()[2 if "UNIQUE" not in index else 3] for index in indexes]
    base.administer(
        *(f"DROP INDEX app.{name}" for name in names),
        "ALTER TABLE app.events DROP CONSTRAINT events_pkey",
    )
    yield
    base.administer(
        "SET maintenance_work_mem = '512MB'",
        "ALTER TABLE app.events ADD PRIMARY KEY (org_id, id_time, event_id)",
        *(index.replace(" ON ONLY ", " ON ") for index in indexes),
        "VACUUM (FREEZE, ANALYZE) app.events",
        "CHECKPOINT",
    )


def _statement(base: Base, rows: int, version: int, first: int) -> str:
    seven = version == 7
    return _FILL.format(
        org=base.org_id,
        place="date_trunc('milliseconds', at)" if seven else "to_timestamp(0)",
        id=f"({_V7})::uuid" if seven else "gen_random_uuid()",
        times=_TIMES.format(rows=rows),
        first=first,
        last=min(first + _CHUNK - 1, rows),
    )

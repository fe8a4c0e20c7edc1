"""What the database itself says of its tables: the list that nobody has to keep."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.postgres import Connection


@dataclass(frozen=True)
class Column:
    """A column as an INSERT needs to know it."""

    name: str
    type: str
    nullable: bool
    allowed: str | int | None
    """One of the few values that a CHECK allows, None where there is no such CHECK."""


@dataclass(frozen=True)
class TenantTable:
    """A table whose rows belong to organisations: one with `org_id`. Partitions are not listed."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: str | None
    """One of its partitions, if it has any."""

    def __str__(self) -> str:
        return self.name

    @property
    def has_users(self) -> bool:
        return any(column.name == "user_id" for column in self.columns)

    @property
    def one_row_each(self) -> bool:
        """Whether the organisation is the whole key."""
        return self.key == ("org_id",)

    @property
    def filler(self) -> str:
        """A column outside the key, to be written where any will do."""
        return next(c.name for c in self.columns if c.name not in {*self.key, "user_id"})


def tenant_tables(connection: Connection) -> list[TenantTable]:
    found = connection.execute(
        "SELECT c.oid, c.relname, (SELECT p.relname FROM pg_inherits i"
        "   JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = c.oid LIMIT 1)"
        " FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
        " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        "   AND a.attname = 'org_id' AND NOT a.attisdropped)"
        " ORDER BY c.relname"
    ).fetchall()
    return [
        TenantTable(name, _columns(connection, oid), _key(connection, oid), partition)
        for oid, name, partition in found
    ]


def _columns(connection: Connection, table: int) -> tuple[Column, ...]:
    found = connection.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,"
        " (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k"
        "   WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum])"
        " FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attnum",
        (table,),
    )
    return tuple(
        Column(name, kind, nullable, _first_allowed(check)) for name, kind, nullable, check in found
    )


def _first_allowed(check: str | None) -> str | int | None:
    """The first of some words, or the lower of two bounds."""
    if words := re.search(r"'([^']*)'::text", check or ""):
        return words[1]
    bounds = re.search(r">= (\d+)\) AND \(\w+ <= \d+\)", check or "")
    return int(bounds[1]) if bounds else None


def _key(connection: Connection, table: int) -> tuple[str, ...]:
    found = connection.execute(
        "SELECT a.attname FROM pg_index i"
        " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place",
        (table,),
    )
    return tuple(name for (name,) in found)

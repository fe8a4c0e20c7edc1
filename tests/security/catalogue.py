"""What the database itself says of its tables: the list that nobody has to keep."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.postgres import Connection

WORDS = {"app.currencies": "EUR"}
"""Tables of nobody, to which single columns point: a word that is in each."""


@dataclass(frozen=True)
class Column:
    """A column as an INSERT needs to know it."""

    name: str
    type: str
    nullable: bool
    allowed: str | int | None
    """One of the few values that a CHECK or a list of words allows, None where there is neither."""


@dataclass(frozen=True)
class TenantTable:
    """A table whose rows belong to organisations: one with `org_id`. Partitions are not listed."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition: str | None
    """One of its partitions, if it has any."""
    parents: frozenset[str]
    """The tables of tenants to which its rows point."""
    has_children: bool
    """Whether rows of another table point to its own, which cannot go before them."""
    filler: str
    """A column outside the key, to be written where any will do."""

    def __str__(self) -> str:
        return self.name

    @property
    def has_users(self) -> bool:
        return any(column.name == "user_id" for column in self.columns)

    @property
    def one_row_each(self) -> bool:
        """Whether the organisation is the whole key."""
        return self.key == ("org_id",)


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
    parents = {name: _parents(connection, oid) for oid, name, _ in found}
    pointed_to = frozenset[str]().union(*parents.values())
    return [
        TenantTable(
            name, (columns := _columns(connection, oid)), (key := _key(connection, oid)), partition,
            parents[name], name in pointed_to, _filler(connection, oid, columns, key),
        )
        for oid, name, partition in found
    ]  # fmt: skip


def _parents(connection: Connection, table: int) -> frozenset[str]:
    found = connection.execute(
        "SELECT c.relname FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid"
        " WHERE k.conrelid = %s AND k.contype = 'f' AND EXISTS (SELECT FROM pg_attribute a"
        "   WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped)",
        (table,),
    )
    return frozenset(name for (name,) in found)


def _filler(
    connection: Connection, table: int, columns: tuple[Column, ...], key: tuple[str, ...]
) -> str:
    """One of those that a login may write, where it may write some columns only."""
    granted = connection.execute(
        "SELECT a.attname FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) p"
        " WHERE a.attrelid = %s AND p.privilege_type = 'UPDATE'",
        (table,),
    ).fetchall()
    free = [c.name for c in columns if c.name not in {*key, "user_id"}]
    return next((name for name in free if (name,) in granted), free[0])


def _columns(connection: Connection, table: int) -> tuple[Column, ...]:
    found = connection.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,"
        " (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k"
        "   WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]),"
        " (SELECT k.confrelid::regclass::text FROM pg_constraint k"
        "   WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum])"
        " FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attgenerated = '' AND a.attidentity = '' ORDER BY a.attnum",
        (table,),
    )
    return tuple(
        Column(
            name, kind, nullable, WORDS[words] if words in WORDS else _first_allowed(check or "")
        )
        for name, kind, nullable, check, words in found.fetchall()
    )


def _first_allowed(check: str) -> str | int | None:
    """The only one, the first of some words, or the lower of two bounds."""
    if words := re.search(r"= (?:ANY \(+ARRAY\[)?'([^']*)'::text", check):
        return words[1]
    number = re.search(r"\(\w+ = (\d+)\)|>= (\d+)\) AND \(\w+ <= \d+\)", check)
    return int(number[1] or number[2]) if number else None


def _key(connection: Connection, table: int) -> tuple[str, ...]:
    found = connection.execute(
        "SELECT a.attname FROM pg_index i"
        " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = %s AND i.indisprimary ORDER BY k.place",
        (table,),
    )
    return tuple(name for (name,) in found)

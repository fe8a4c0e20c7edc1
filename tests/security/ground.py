"""The ground on which organisations are attacked: rows of two of them in every tenant table.

Rows are made from the types of the columns, so a table that a migration adds is attacked without
an edit here. All text of an organisation holds its canary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from hashlib import sha256
from typing import Any, LiteralString
from uuid import UUID, uuid5

from psycopg import sql
from psycopg.conninfo import make_conninfo

from shared.schema import logins
from tests.postgres import Connection, MigratedDatabase
from tests.security.catalogue import Column, TenantTable, tenant_tables

OURS = UUID("0a000000-0000-4000-8000-00000000000a")
THEIRS = UUID("0b000000-0000-4000-8000-00000000000b")
NEW = UUID("0c000000-0000-4000-8000-00000000000c")
"""An organisation without rows, but for those to which new ones have to point."""

USERS = ("mia", "milo", "max")
PROBE = "footfall_probe"
"""A login that may do everything to every tenant table: only policies stand in its way."""

SERVICES = (*logins.SERVICES, logins.BI)
"""Those that row-level security binds."""

_NEW_NUMBER = 9
"""Of the row that comes to it."""

_AFTER_NOTICE = {"effective_at", "applied_at", "valid_from"}
"""Times that must lie a notice after others of their row."""

_NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Ground:
    """A planted database, and which of its tables and logins are looked at."""

    database: MigratedDatabase
    tables: Sequence[TenantTable]
    logins: Sequence[str] = (*SERVICES, PROBE)

    def only(self, *tables: TenantTable, logins: Sequence[str] = (PROBE,)) -> Ground:
        """The same, looked at through a keyhole: mutants change one table at a time."""
        return replace(self, tables=tables, logins=logins)

    @contextmanager
    def session(self, login: str | None) -> Iterator[Connection]:
        """A session of the login (None: the administrator), in a transaction that is undone."""
        with self.database.connect(login) as connection:
            connection.autocommit = False
            yield connection
            connection.rollback()


Check = Callable[[Ground], list[str]]
"""A check answers what it found: nothing, when the wall holds."""


def rows_of(table: TenantTable) -> int:
    """How many rows of each organisation are planted."""
    return 1 if table.one_row_each else len(USERS)


def row(table: TenantTable, org: UUID, number: int, user: str | None = None) -> dict[str, Any]:
    """A row that the table takes: the same for the same arguments."""
    made = {column.name: _value(column, org, number) for column in table.columns}
    if table.has_users:
        made["user_id"] = user or USERS[number % len(USERS)]
    return made


def insertion(table: TenantTable, values: Mapping[str, object]) -> sql.Composed:
    """INSERT of the row, its values to be bound by name; clauses may follow."""
    return sql.SQL("INSERT INTO app.{} ({}) VALUES ({})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )


def plant(database: MigratedDatabase) -> None:
    """Rows of both organisations in every table, and the probe with every grant."""
    with database.connect() as admin:
        _make_probe(admin, database)
        for table in _parents_first(tenant_tables(admin)):
            for made in _rows(table):
                admin.execute(insertion(table, made), made)
            admin.execute(
                sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON app.{} TO {}").format(
                    sql.Identifier(table.name), sql.Identifier(PROBE)
                )
            )
        admin.execute("ANALYZE")


def new_row(table: TenantTable) -> dict[str, Any]:
    """One of the organisation that has none; those to which it points are planted."""
    return row(table, NEW, _NEW_NUMBER)


def _rows(table: TenantTable) -> Iterator[dict[str, Any]]:
    for org in (OURS, THEIRS):
        yield from (row(table, org, number) for number in range(rows_of(table)))
    if table.has_children:
        yield new_row(table)


def _parents_first(tables: Sequence[TenantTable]) -> list[TenantTable]:
    by_name = {table.name: table for table in tables}
    order = TopologicalSorter({table.name: table.parents for table in tables})
    return [by_name[name] for name in order.static_order()]


def ground_on(database: MigratedDatabase) -> Ground:
    """A clone of what was planted, with every table and login."""
    probe = make_conninfo(database.urls[logins.BI], user=PROBE, password=PROBE)
    known = replace(database, urls={**database.urls, PROBE: probe})
    with known.connect() as admin:
        return Ground(known, tenant_tables(admin))


def _make_probe(admin: Connection, database: MigratedDatabase) -> None:
    probe = sql.Identifier(PROBE)
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (PROBE,)).fetchone():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(probe, PROBE))
    admin.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database.name), probe)
    )
    admin.execute(sql.SQL("GRANT USAGE ON SCHEMA app TO {}").format(probe))
    admin.execute(
        sql.SQL(
            "GRANT EXECUTE ON FUNCTION app.set_identity, app.current_org, app.current_role,"
            " app.current_user_id TO {}"
        ).format(probe)
    )


def _value(column: Column, org: UUID, number: int) -> object:
    if column.name == "org_id":
        return org
    if column.allowed is not None:
        return column.allowed
    canary = f"canary {org} {column.name} {number}"
    values: dict[str, object] = {
        "uuid": uuid5(org, canary),
        "text": canary,
        "bytea": sha256(canary.encode()).digest(),
        "boolean": False,
        "smallint": number + 1,
        "integer": number + 2,  # the first of a tier's prices has no consent to point to
        "bigint": number + 1,
        "numeric": number + 1,
        "double precision": number + 0.5,
        "date": (_NOON - timedelta(days=number)).date(),
        "timestamp with time zone": _NOON
        - timedelta(hours=number)
        + timedelta(days=30 if column.name in _AFTER_NOTICE else 0),
        "interval": timedelta(hours=number),
        "jsonb": f'{{"note": "{canary}"}}',
        "text[]": [canary],
        "integer[]": [number + 1],
        "uuid[]": [uuid5(org, canary)],
    }
    kind = column.type.partition("(")[0]
    assert kind in values, f"{column.name} is of type {kind}: say in this function how to make one"
    return values[kind]


def on(table: TenantTable, statement: LiteralString) -> sql.Composed:
    """The statement with the table for {t} and a column of it that may be written for {c}."""
    return sql.SQL(statement).format(
        t=sql.Identifier("app", table.name), c=sql.Identifier(table.filler)
    )


def identify(
    connection: Connection, org: UUID | None, role: str = "service", user: str = "mia"
) -> None:
    """Set for whom the session's transaction works; None clears it."""
    connection.execute("SELECT app.set_identity(%s, %s, %s)", (org, role, user))

"""The matrix: table by verb by for whom, as each login; checks R13 to R20.

Every attempt says what it must come to: a number of rows, all of them ours, or the SQLSTATE of a
refusal. Attempts on our own rows are in it too, because a wall that lets nobody through would pass
all the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.postgres import Connection
from tests.security.catalogue import TenantTable
from tests.security.ground import (
    NEW,
    OURS,
    PROBE,
    THEIRS,
    Check,
    Ground,
    identify,
    insertion,
    new_row,
    on,
    row,
    rows_of,
)

DENIED = "42501"
COPY_UNDER_POLICIES = "0A000"
NOT_A_UUID = "22P02"
POINTED_TO = "23503"
MALFORMED = ("null", "*", "%", "' OR true --", f"{OURS},{THEIRS}", "x" * 10_000_000)


@dataclass(frozen=True)
class Attempt:
    """One statement, the privileges without which it is denied anyway, and what must come of it."""

    name: str
    needs: str
    statement: sql.Composed
    outcome: int | str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def refused(self) -> Attempt:
        """The same for somebody without an organisation: nothing found, nothing written."""
        finds_rows = self.outcome not in {DENIED, COPY_UNDER_POLICIES} or self.name == "give away"
        return replace(self, outcome=0) if finds_rows else self


def attempts(table: TenantTable) -> Iterator[Attempt]:
    """All that a login can do to a table, on rows that are ours, theirs or nobody's."""
    yield from _on_all_rows(table)
    yield from _on_their_rows(table)
    yield from _writing_theirs(table)


def _on_all_rows(table: TenantTable) -> Iterator[Attempt]:
    count = rows_of(table)
    gone = POINTED_TO if table.has_children else count
    yield _attempt(table, "select", "S", "SELECT * FROM {t}", count)
    yield _attempt(table, "select for update", "SU", "SELECT * FROM {t} FOR UPDATE", count)
    yield _attempt(table, "update", "SU", "UPDATE {t} SET {c} = {c} RETURNING *", count)
    yield _attempt(table, "delete", "SD", "DELETE FROM {t} RETURNING *", gone)
    merge: LiteralString = "MERGE INTO {t} AS t USING (SELECT) AS one ON "
    seeing: LiteralString = "t.org_id IS NOT NULL WHEN MATCHED THEN DELETE"
    yield _attempt(table, "merge into all", "SD", merge + seeing, gone)
    # Without a look at a column no row is filtered; the first of theirs ends the statement.
    yield _attempt(table, "merge blindly", "D", merge + "true WHEN MATCHED THEN DELETE", DENIED)
    yield _attempt(table, "copy to", "S", "COPY (SELECT * FROM {t}) TO STDOUT", count)
    yield _attempt(table, "copy from", "I", "COPY {t} FROM STDIN", COPY_UNDER_POLICIES)


def _on_their_rows(table: TenantTable) -> Iterator[Attempt]:
    theirs = {"org": THEIRS}
    merge: LiteralString = (
        "MERGE INTO {t} AS t USING (SELECT %(org)s::uuid AS org) AS s ON t.org_id = s.org"
        " WHEN MATCHED THEN UPDATE SET {c} = t.{c}"
    )
    for name, needs, statement in (
        ("select theirs", "S", "SELECT * FROM {t} WHERE org_id = %(org)s"),
        ("update theirs", "SU", "UPDATE {t} SET {c} = {c} WHERE org_id = %(org)s"),
        ("delete theirs", "SD", "DELETE FROM {t} WHERE org_id = %(org)s"),
        ("merge theirs", "SU", merge),
    ):
        yield _attempt(table, name, needs, statement, 0, **theirs)
    yield _attempt(table, "give away", "SO", "UPDATE {t} SET org_id = %(org)s", DENIED, **theirs)


def _writing_theirs(table: TenantTable) -> Iterator[Attempt]:
    """Rows of theirs: a fresh one, and one that is there already; both must look alike."""
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    for age, number in (("a fresh", 9), ("an existing", 0)):
        made = row(table, THEIRS, number)
        insert = insertion(table, made)
        clauses = {
            "insert": ("SI", sql.SQL("")),
            "insert or skip": ("SI", sql.SQL(" ON CONFLICT DO NOTHING")),
            "insert or update": ("SIU", _upsert(table)),
        }
        for name, (needs, clause) in clauses.items():
            statement = sql.Composed([insert, clause])
            yield Attempt(f"{name} {age} one of theirs", needs, statement, DENIED, made)
        merge = sql.SQL(
            "MERGE INTO app.{} AS t USING (SELECT) AS one ON false"
            " WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})"
        ).format(
            sql.Identifier(table.name), columns, sql.SQL(", ").join(map(sql.Placeholder, made))
        )
        yield Attempt(f"merge to insert {age} one of theirs", "SI", merge, DENIED, made)


def _inserting_ours(table: TenantTable) -> Attempt:
    made = new_row(table)
    return Attempt("insert ours", "SIU", sql.Composed([insertion(table, made), _upsert(table)]), 1,
                   made)  # fmt: skip


def _upsert(table: TenantTable) -> sql.Composed:
    return sql.SQL(" ON CONFLICT ({}) DO UPDATE SET {c} = EXCLUDED.{c}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.key)), c=sql.Identifier(table.filler)
    )


def _attempt(
    table: TenantTable,
    name: str,
    needs: str,
    statement: LiteralString,
    outcome: int | str,
    **parameters: object,
) -> Attempt:
    return Attempt(name, needs, on(table, statement), outcome, parameters)


def make(connection: Connection, attempt: Attempt) -> int | str:
    """What came of it; undone. A row of theirs that was shown counts as a finding of its own."""
    cursor = connection.cursor()
    try:
        with connection.transaction(force_rollback=True):
            if b"COPY" in attempt.statement.as_bytes():
                return _copy(cursor, attempt)
            cursor.execute(attempt.statement, attempt.parameters)
            shown = cursor.fetchall() if cursor.description else []
            return "showed a row of theirs" if _theirs_among(shown) else cursor.rowcount
    except psycopg.Error as error:
        return error.sqlstate or repr(error)


def _copy(cursor: psycopg.Cursor[Any], attempt: Attempt) -> int | str:
    with cursor.copy(attempt.statement) as copy:
        if attempt.outcome == COPY_UNDER_POLICIES:
            return "COPY FROM began"
        lines = [bytes(line) for line in copy]
    return "showed a row of theirs" if str(THEIRS).encode() in b"".join(lines) else len(lines)


def _theirs_among(rows: list[Any]) -> bool:
    return any(THEIRS in found for found in rows)


def grants(ground: Ground) -> dict[tuple[str, str], set[str]]:
    """By login and table the initials of what is granted: SELECT, INSERT, UPDATE, DELETE.

    U also of some columns only; O when whose a row is may be written.
    """
    with ground.database.connect() as admin:
        found = admin.execute(
            "SELECT login, t, v FROM unnest(%s::text[]) AS login, unnest(%s::text[]) AS t"
            " CROSS JOIN LATERAL (VALUES"
            "   ('S', has_table_privilege(login, 'app.' || t, 'SELECT')),"
            "   ('I', has_table_privilege(login, 'app.' || t, 'INSERT')),"
            "   ('U', has_any_column_privilege(login, 'app.' || t, 'UPDATE')),"
            "   ('O', has_column_privilege(login, 'app.' || t, 'org_id', 'UPDATE')),"
            "   ('D', has_table_privilege(login, 'app.' || t, 'DELETE'))) AS p (v, has)"
            " WHERE p.has",
            (list(ground.logins), [table.name for table in ground.tables]),
        )
        held: dict[tuple[str, str], set[str]] = defaultdict(set)
        for login, table, verb in found:
            held[login, table].add(verb)
        return held


def _compare(connection: Connection, held: set[str], attempt: Attempt, place: str) -> Iterator[str]:
    allowed = set(attempt.needs) <= held
    expected = attempt.outcome if allowed else DENIED
    if (outcome := make(connection, attempt)) != expected:
        yield f"{place}: {attempt.name}: {outcome}, not {expected}"


def each_verb_stays_at_home(ground: Ground) -> list[str]:
    """R15 to R20: as every login, on every table, by every verb."""
    found: list[str] = []
    granted = grants(ground)
    for login in ground.logins:
        with ground.session(login) as session:
            for table in ground.tables:
                held, place = granted[login, table.name], f"{table} as {login}"
                identify(session, OURS)
                for attempt in attempts(table):
                    found += _compare(session, held, attempt, place)
                identify(session, NEW)
                found += _compare(session, held, _inserting_ours(table), place)
    return found


def nobody_sees_or_writes_anything(ground: Ground) -> list[str]:
    """R13: before an identity was ever set, after one was cleared, and as an unknown organisation.

    The second is another state than the first: a setting that was used once reads as ''.
    """
    found: list[str] = []
    granted = grants(ground)
    for login in ground.logins:
        with ground.session(login) as session:
            for nobody in ("never set", "cleared", "unknown"):
                if nobody != "never set":
                    identify(session, uuid4() if nobody == "unknown" else None)
                for table in ground.tables:
                    place = f"{table} as {login}, identity {nobody}"
                    for attempt in attempts(table):
                        held = granted[login, table.name]
                        found += _compare(session, held, attempt.refused(), place)
    return found


def a_malformed_organisation_opens_nothing(ground: Ground) -> list[str]:
    """R14: what is no UUID, put where only set_identity should write: refused, connection alive."""
    found: list[str] = []
    for login in ground.logins:
        with ground.session(login) as session:
            for text in MALFORMED if login == PROBE else MALFORMED[:-1]:
                session.execute("SELECT set_config('app.org_id', %s, true)", (text,))
                for table in ground.tables:
                    attempt = _attempt(table, "select", "S", "SELECT count(*) FROM {t}", NOT_A_UUID)
                    if (outcome := make(session, attempt)) not in (NOT_A_UUID, DENIED):
                        found.append(f"{table} as {login}, organisation {text[:20]!r}: {outcome}")
    return found


CHECKS: list[Check] = [
    each_verb_stays_at_home,
    nobody_sees_or_writes_anything,
    a_malformed_organisation_opens_nothing,
]

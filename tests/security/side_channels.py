"""Ways round the wall that are no plain read or write: R21 to R30 and R35.

Errors, functions that tell what they are given, planner statistics, row addresses, plans that were
made for another, roles and policies themselves.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql

from shared.schema import logins
from shared.schema.price_guard import GUARD
from tests.postgres import Connection
from tests.security.catalogue import TenantTable
from tests.security.ground import (
    OURS,
    PROBE,
    THEIRS,
    Check,
    Ground,
    identify,
    insertion,
    on,
    row,
    rows_of,
)
from tests.security.matrix import DENIED


def r1_an_owner_is_bound_too(ground: Ground) -> list[str]:
    """FORCE binds even the owner, were it not for its BYPASSRLS."""
    found: list[str] = []
    with ground.session(None) as session:
        for table in ground.tables:
            with session.transaction(force_rollback=True):
                session.execute(on(table, "ALTER TABLE {t} OWNER TO footfall_probe"))
                session.execute("SET LOCAL ROLE footfall_probe")
                if seen := _count(session, table):
                    found.append(f"{table}: its owner sees {seen} rows without an identity")
    return found


def r21_a_function_in_a_filter_is_told_our_values_only(ground: Ground) -> list[str]:
    """The planner may not run a cheap function of the caller's before the policy."""
    found: list[str] = []
    with ground.database.connect() as admin:
        admin.execute(
            "CREATE SCHEMA IF NOT EXISTS leak; GRANT USAGE ON SCHEMA leak TO PUBLIC;"
            " CREATE OR REPLACE FUNCTION leak.tell(text) RETURNS boolean LANGUAGE plpgsql"
            " COST 0.0000001"
            " AS $$ BEGIN RAISE NOTICE 'told %', $1; RETURN true; END $$"
        )
    with ground.session(PROBE) as session:
        told: list[str] = []
        session.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        identify(session, OURS)
        for table in ground.tables:
            told.clear()
            session.execute(on(table, "SELECT FROM {t} AS t WHERE leak.tell(t::text)"))
            if len(told) != rows_of(table) or any(str(THEIRS) in text for text in told):
                found.append(f"{table}: a function in WHERE was told {told}")
    return found


def r22_errors_tell_nothing(ground: Ground) -> list[str]:
    """An expression that fails on their rows alone must not fail."""
    return _failing(
        ground,
        "SELECT FROM {t} WHERE 1 / (CASE WHEN org_id = %(org)s THEN 0 ELSE 1 END) = 1",
        "SELECT FROM {t} WHERE CASE WHEN org_id = %(org)s THEN org_id::text ELSE '1' END::int = 1",
        "UPDATE {t} SET {c} = {c} WHERE 1 / (CASE WHEN org_id = %(org)s THEN 0 ELSE 1 END) = 1",
    )


def r23_a_key_that_is_taken_looks_like_one_that_is_free(ground: Ground) -> list[str]:
    """Whether they have a row of that key cannot be told from the refusal."""
    found: list[str] = []
    with ground.session(PROBE) as session:
        identify(session, OURS)
        for table in ground.tables:
            told = [_refusal(session, table, number) for number in (0, 9)]
            if told[0] != told[1] or told[0][0] != DENIED:
                found.append(
                    f"{table}: {told[0]} where the key is taken, {told[1]} where it is free"
                )
    return found


def r25_planner_statistics_stay_hidden(ground: Ground) -> list[str]:
    """Histograms and most common values are values; of partitions too."""
    found: list[str] = []
    for login in ground.logins:
        with ground.session(login) as session:
            identify(session, OURS)
            for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
                shown = session.execute(
                    sql.SQL(
                        "SELECT DISTINCT tablename FROM {} WHERE schemaname = 'app'"
                        " AND tablename <> 'schema_version'"
                    ).format(sql.Identifier(view))
                )
                found += [f"{view} of {name} as {login}" for (name,) in shown]
    return found


def r27_row_addresses_lead_nowhere(ground: Ground) -> list[str]:
    """Not even who knows where a row lies reaches it."""
    found: list[str] = []
    with ground.database.connect() as admin, ground.session(PROBE) as session:
        identify(session, OURS)
        for table in ground.tables:
            place = admin.execute(
                on(table, "SELECT ctid::text, tableoid FROM {t} WHERE org_id = %(org)s LIMIT 1"),
                {"org": THEIRS},
            ).fetchone()
            at = {"ctid": place and place[0], "tableoid": place and place[1]}
            where: LiteralString = " WHERE ctid = %(ctid)s::tid AND tableoid = %(tableoid)s"
            read, remove = (
                on(table, "SELECT FROM {t}" + where),
                on(table, "DELETE FROM {t}" + where),
            )
            if session.execute(read, at).rowcount or session.execute(remove, at).rowcount:
                found.append(f"{table}: a row of theirs was reached by its address")
    return found


def r30_a_plan_made_for_one_serves_the_next(ground: Ground) -> list[str]:
    """A prepared statement with a generic plan, run again after the tenant has changed."""
    found: list[str] = []
    with ground.session(PROBE) as session:
        for table in ground.tables:
            statement = on(table, "SELECT DISTINCT org_id FROM {t}")
            for org in (*[OURS] * 6, THEIRS, OURS, None):
                identify(session, org)
                seen = [found for (found,) in session.execute(statement, prepare=True)]
                if seen != ([org] if org else []):
                    found.append(f"{table}: a prepared plan showed {seen} to {org}")
    return found


def r28_r29_the_wall_cannot_be_taken_down(ground: Ground) -> list[str]:
    """No login becomes another, switches row security off or changes what protects it."""
    found: list[str] = []
    for login in ground.logins:
        with ground.session(login) as session:
            others = (logins.OWNER, logins.MAINTENANCE, GUARD, "postgres")
            found += _allowed(session, login, *(f"SET ROLE {role}" for role in others))
            found += _allowed(
                session, login, *(f"SET SESSION AUTHORIZATION {role}" for role in others)
            )
            found += _allowed(session, login, "CREATE TEMP TABLE t ()", "CREATE TABLE app.t ()")
            for table in ground.tables:
                found += _allowed(
                    session,
                    f"{table} as {login}",
                    f"ALTER TABLE app.{table} DISABLE ROW LEVEL SECURITY",
                    f"ALTER TABLE app.{table} NO FORCE ROW LEVEL SECURITY",
                    f"DROP POLICY {table}_tenant ON app.{table}",
                    f"ALTER POLICY {table}_tenant ON app.{table} USING (true)",
                    f"CREATE POLICY mine ON app.{table} USING (true)",
                    f"TRUNCATE app.{table}",
                    f"SET LOCAL row_security = off; SELECT FROM app.{table}",
                )
    return found


def _allowed(session: Connection, place: str, *statements: str) -> list[str]:
    """Those that were not denied; all are undone."""
    found: list[str] = []
    for statement in statements:
        try:
            with session.transaction(force_rollback=True):
                session.execute(statement.encode())
            found.append(f"{place}: {statement}")
        except psycopg.errors.InsufficientPrivilege:
            pass
    return found


def _failing(ground: Ground, *statements: LiteralString) -> list[str]:
    found: list[str] = []
    with ground.session(PROBE) as session:
        identify(session, OURS)
        for table in ground.tables:
            for statement in statements:
                try:
                    with session.transaction(force_rollback=True):
                        session.execute(on(table, statement), {"org": THEIRS})
                except psycopg.DataError as error:
                    found.append(f"{table}: {error.diag.message_primary}, by {statement}")
    return found


def _refusal(session: Connection, table: TenantTable, number: int) -> tuple[str, ...]:
    """All that Postgres tells of a refused INSERT of theirs."""
    made = row(table, THEIRS, number)
    try:
        with session.transaction(force_rollback=True):
            session.execute(insertion(table, made), made)
    except psycopg.Error as error:
        diag = error.diag
        told = (error.sqlstate, diag.message_primary, diag.message_detail, diag.constraint_name)
        return tuple(str(part) for part in told)
    return ("accepted",)


def _count(session: Connection, table: TenantTable) -> int:
    return session.execute(on(table, "SELECT FROM {t}")).rowcount


CHECKS: list[Check] = [
    r1_an_owner_is_bound_too,
    r21_a_function_in_a_filter_is_told_our_values_only,
    r22_errors_tell_nothing,
    r23_a_key_that_is_taken_looks_like_one_that_is_free,
    r25_planner_statistics_stay_hidden,
    r27_row_addresses_lead_nowhere,
    r28_r29_the_wall_cannot_be_taken_down,
    r30_a_plan_made_for_one_serves_the_next,
]

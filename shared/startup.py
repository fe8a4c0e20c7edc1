"""Before a service serves: wait while the database is away or migrating, refuse one that is wrong.

What helps tells waiting from refusing. Time helps a server that is down, starting up or being
migrated. Only an operator helps where acknowledged events could be lost or organisations could see
each other; then the service must not start at all. Between the two lies what `footfall migrate`
mends, and may be about to: that is given a moment before it counts as wrong.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import AsyncConnection, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.refusal import StartRefused
from shared.schema.metadata import SCHEMA
from shared.schema.price_guard import GUARD
from shared.schema.revision import MIGRATION_LOCK, OLDEST_POSTGRES, newest_revision

Connection = AsyncConnection[tuple[Any, ...]]

_LOG = logging.getLogger("footfall.startup")
_POLL_SECONDS = 0.25
_ANSWER_SECONDS = 2  # longer than that is as good as away
_GRACE_SECONDS = 2.0  # with the above and a poll within five seconds from start to refusal

# From these on planner statistics keep to row-level security (CVE-2025-8713).
_LEAKS_STATISTICS_BEFORE = {15: 15_0014, 16: 16_0010, 17: 17_0006}


class NotYet(Exception):
    """The database cannot be used now; it may be soon."""


class Unmigrated(StartRefused):
    """`footfall migrate` has not run, or not from this version of the code."""


def _log(message: str) -> None:
    _LOG.warning(message)


async def wait_for_database(
    url: str,
    *,
    crosses_organisations: bool = False,
    report: Callable[[str], None] = _log,
    grace_seconds: float = _GRACE_SECONDS,
) -> None:
    """Return when the database of this login is there and fit; `report` hears what it waits for.

    Raises StartRefused, with what to change, when it is there and unfit. `crosses_organisations`
    is for the maintenance login, which bypasses row-level security by design.
    """
    said: str | None = None
    unmigrated_since: float | None = None
    while True:
        try:
            for warning in await examine(url, crosses_organisations=crosses_organisations):
                report(warning)
            return
        except NotYet as state:
            reason, unmigrated_since = str(state), None
        except Unmigrated as refusal:
            unmigrated_since = unmigrated_since or time.monotonic()
            if time.monotonic() - unmigrated_since >= grace_seconds:
                raise
            reason = str(refusal)
        if reason != said:
            report(reason)
            said = reason
        await asyncio.sleep(_POLL_SECONDS)


async def examine(url: str, *, crosses_organisations: bool = False) -> list[str]:
    """Look once: warnings when it is fit to be used, NotYet or StartRefused when it is not."""
    place = _place(url)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            async with await _connect(url) as connection:
                return await _check(connection, crosses_organisations=crosses_organisations)
    except TimeoutError:
        raise NotYet(f"Postgres at {place} does not answer.") from None
    except psycopg.OperationalError as error:  # the connection broke while we looked
        raise NotYet(f"Postgres at {place} went away: {_words(error)}") from error


async def _connect(url: str) -> Connection:
    try:
        return await AsyncConnection.connect(
            url, autocommit=True, application_name="footfall-startup"
        )
    except psycopg.OperationalError as error:
        # The code of a refused connection reaches us only as words in the server's language; a ping
        # tells "not now" from "not you" in all of them.
        probe = make_conninfo(url, connect_timeout=_ANSWER_SECONDS)
        ping = await asyncio.to_thread(pq.PGconn.ping, probe.encode())
        if ping != pq.Ping.OK or "too many" in str(error) or "connection slots" in str(error):
            raise NotYet(f"Postgres at {_place(url)} is away: {_words(error)}.") from error
        login = conninfo_to_dict(url).get("user")
        raise Unmigrated(
            f"Postgres at {_place(url)} refuses the login {login}: {_words(error)}. Run `footfall "
            "migrate`, which creates logins and their passwords, or correct "
            f"{str(login).upper()}_DATABASE_URL."
        ) from None


async def _check(connection: Connection, *, crosses_organisations: bool) -> list[str]:
    version = connection.info.server_version
    _refuse_old_server(version)
    await _refuse_forgetting(connection)
    await _wait_for_others(connection)
    await _refuse_mighty_login(connection, may_bypass=crosses_organisations)
    revision = await _revision_that_serves(connection)
    await _refuse_foreign_positions(connection)
    if not crosses_organisations:
        await _refuse_missing_walls(connection)
    await _refuse_writing_prices(connection)
    return [*_leaks(version), *_ahead(revision)]


def _refuse_old_server(version: int) -> None:
    major = version // 10_000
    if major < OLDEST_POSTGRES:
        raise StartRefused(
            f"Postgres {major} is too old: Footfall needs {OLDEST_POSTGRES} or later. Upgrade it, "
            "or name another in FOOTFALL_DATABASE_URL."
        )


def _leaks(version: int) -> list[str]:
    major, minor = divmod(version, 10_000)
    if version >= _LEAKS_STATISTICS_BEFORE.get(major, 0):
        return []
    found = f"Postgres {major}.{minor} shows planner statistics past row-level security"
    return [f"{found} (CVE-2025-8713): update it to the newest minor version."]


async def _refuse_forgetting(connection: Connection) -> None:
    """An acknowledged event must survive a power cut."""
    names = ("fsync", "full_page_writes", "synchronous_commit")
    found = await connection.execute(
        "SELECT s.name FROM unnest(%s::text[]) AS s (name) WHERE current_setting(s.name) = 'off'",
        (list(names),),
    )
    off = [name for (name,) in await found.fetchall()]
    if off:
        raise StartRefused(
            f"Postgres may forget what was acknowledged: {', '.join(off)} is off in the session of "
            f"{connection.info.user}. Turn it on in postgresql.conf, and look for an ALTER ROLE, "
            "ALTER DATABASE or URL option that sets it."
        )


async def _wait_for_others(connection: Connection) -> None:
    """Not while a migration runs, nor on a standby that is not promoted yet."""
    found = await connection.execute(
        "SELECT pg_is_in_recovery(), EXISTS ("
        " SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted"
        " AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = %s)",
        (MIGRATION_LOCK,),
    )
    standby, migrating = await found.fetchone() or (False, False)
    if standby:
        raise NotYet("Postgres is a standby: waiting for its promotion.")
    if migrating:
        raise NotYet("The database is being migrated.")


async def _refuse_mighty_login(connection: Connection, *, may_bypass: bool) -> None:
    """Row-level security binds neither superusers nor BYPASSRLS nor, without FORCE, owners.

    Nor whoever may become one of them: roles are followed through their memberships.
    """
    found = await connection.execute(
        "WITH RECURSIVE reach (oid) AS ("
        "  SELECT oid FROM pg_roles WHERE rolname IN (session_user, current_user)"
        "  UNION SELECT m.roleid FROM pg_auth_members m JOIN reach r ON r.oid = m.member)"
        " SELECT rolname, CASE WHEN rolsuper THEN 'a superuser'"
        "   WHEN rolbypassrls AND NOT %(may_bypass)s THEN 'BYPASSRLS'"
        "   ELSE 'owner of ' || c.relname END"
        " FROM reach JOIN pg_roles r USING (oid)"
        " LEFT JOIN LATERAL (SELECT relname FROM pg_class WHERE relowner = r.oid"
        "   AND relnamespace = to_regnamespace(%(schema)s) ORDER BY relname LIMIT 1) c ON true"
        " WHERE rolsuper OR (rolbypassrls AND NOT %(may_bypass)s) OR c.relname IS NOT NULL"
        " ORDER BY rolname",
        {"schema": SCHEMA, "may_bypass": may_bypass},
    )
    login = connection.info.user
    for role, power in await found.fetchall():
        through = "" if role == login else f", through the role {role} that it may become"
        raise StartRefused(
            f"The login {login} is {power}{through}: row-level security would not keep "
            "organisations apart. Let the service use a login that `footfall migrate` made for it, "
            "or take that power away with ALTER ROLE, ALTER TABLE … OWNER TO or REVOKE."
        )


async def _revision_that_serves(connection: Connection) -> str:
    """The schema's revision, when it is the code's or a later one."""
    found = await _revision(connection)
    needed = await asyncio.to_thread(newest_revision)
    if found is None:
        raise Unmigrated(
            f"The database {connection.info.dbname} has no schema of Footfall that the login "
            f"{connection.info.user} may read. Run `footfall migrate`."
        )
    if found < needed:  # revisions are named by their time
        raise Unmigrated(
            f"The schema is at {found}, older than this code, which needs {needed}. "
            "Run `footfall migrate`."
        )
    return found


async def _refuse_foreign_positions(connection: Connection) -> None:
    """What would be logged now would come before what was logged in the cluster of a dump."""
    found = await connection.execute(
        "SELECT app.log_cluster() = system_identifier FROM pg_catalog.pg_control_system()"
    )
    if await found.fetchone() != (True,):
        raise Unmigrated(
            f"The database {connection.info.dbname} was restored from a dump of another cluster. "
            "Run `footfall migrate`, which goes on where its log ends."
        )


def _ahead(revision: str) -> list[str]:
    """A newer schema serves: a migration takes away only what no code in use needs any more."""
    if revision == (known := newest_revision()):
        return []
    return [f"The schema is at {revision}, newer than this code, which knows {known}: update it."]


async def _revision(connection: Connection) -> str | None:
    try:
        found = await connection.execute("SELECT max(version_num) FROM app.schema_version")
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return None
    row = await found.fetchone()
    return row[0] if row else None


async def _refuse_missing_walls(connection: Connection) -> None:
    """Every table of tenants that this login can touch in any way, partitions too."""
    found = await connection.execute(
        "WITH RECURSIVE reach (oid) AS ("
        "  SELECT oid FROM pg_roles WHERE rolname = current_user"
        "  UNION SELECT m.roleid FROM pg_auth_members m JOIN reach r ON r.oid = m.member)"
        " SELECT c.relname FROM pg_class c"
        " WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p', 'm', 'f')"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
        " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        "   AND a.attname = 'org_id' AND NOT a.attisdropped)"
        " AND EXISTS (SELECT FROM reach WHERE has_any_column_privilege(reach.oid, c.oid,"
        "   'SELECT, INSERT, UPDATE, REFERENCES')"
        "   OR has_table_privilege(reach.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER'))"
        " ORDER BY c.relname",
        (SCHEMA,),
    )
    if tables := [name for (name,) in await found.fetchall()]:
        raise StartRefused(
            f"Row-level security is not forced on {', '.join(tables)}, which the login "
            f"{connection.info.user} may touch. For each: ALTER TABLE app.… ENABLE ROW LEVEL "
            "SECURITY, FORCE ROW LEVEL SECURITY; or REVOKE the privilege, above all on partitions."
        )


async def _refuse_writing_prices(connection: Connection) -> None:
    """What the guard of prices writes, nobody else may write, nor become the guard."""
    found = await connection.execute(
        "WITH RECURSIVE reach (oid) AS ("
        "  SELECT oid FROM pg_roles WHERE rolname = current_user"
        "  UNION SELECT m.roleid FROM pg_auth_members m JOIN reach r ON r.oid = m.member)"
        " SELECT c.relname FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS a"
        " WHERE c.relnamespace = to_regnamespace(%s) AND a.grantee = to_regrole(%s)"
        " AND a.privilege_type = 'INSERT'"
        " AND EXISTS (SELECT FROM reach WHERE"
        "   has_any_column_privilege(reach.oid, c.oid, 'INSERT, UPDATE')"
        "   OR has_table_privilege(reach.oid, c.oid, 'DELETE, TRUNCATE, TRIGGER'))"
        " ORDER BY c.relname",
        (SCHEMA, GUARD),
    )
    if tables := [name for (name,) in await found.fetchall()]:
        raise StartRefused(
            f"The login {connection.info.user} may write {', '.join(tables)}: prices could change "
            f"without consent. REVOKE that, or its membership in {GUARD}."
        )


def _place(url: str) -> str:
    """Where the database is, without the password; a URL that is none is refused here."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise StartRefused(f"The database URL of this service is none: {_words(error)}.") from None
    host, port = parts.get("host", "its socket"), parts.get("port", 5432)
    return f"{host}:{port}/{parts.get('dbname', '')}"


def _words(error: psycopg.Error) -> str:
    """The driver's message on one line."""
    return " ".join(str(error).split()).rstrip(".")

"""Inside an organisation: members see and write their own, some tables not at all.

What members must not see is said here and not read from the policies: a policy that lost its
condition would otherwise be its own proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.postgres import Connection
from tests.security.catalogue import TenantTable
from tests.security.ground import OURS, PROBE, Check, Ground, identify, insertion, on, row, rows_of
from tests.security.matrix import DENIED

HIDDEN_FROM_MEMBERS = {
    "api_keys", "audit_entries", "event_hourly", "feature_day", "client_day", "client_revenue_day",
    "insights", "insight_changes", "insight_runs", "detector_settings", "feed_deliveries",
    "webhook_endpoints", "outbox",
    "tiers", "subscriptions", "competitor_prices", "price_suggestions", "pricing_settings",
    "price_change_reviews", "approvals", "approval_changes", "approval_revisions",
    "approval_verdicts", "price_changes", "price_versions", "price_notices", "subscription_prices",
}  # fmt: skip
"""Tables of an organisation that members have no part in. All with `user_id` show them their own
rows; all others are the same for everyone in the organisation."""

ALL_ROWS = ("owner", "admin", "service", "ingest")
STRANGERS = (("member", ""), ("member", "moritz"), ("", "mia"), ("root", "mia"), ("Member", "mia"))
"""Roles and users that have no row: nobody, a stranger, and roles that do not exist."""


def stronger_roles_see_their_organisation(ground: Ground) -> list[str]:
    """Owner, admin, service, and the writer that stores for many callers at once."""
    found: list[str] = []
    with ground.session(PROBE) as session:
        for role in ALL_ROWS:
            identify(session, OURS, role)
            found += _seeing_other_than(rows_of, session, ground.tables, role)
    return found


def members_see_their_own(ground: Ground) -> list[str]:
    """Rows with a `user_id` of another member are as far away as those of another organisation."""
    found: list[str] = []
    with ground.session(PROBE) as session:
        identify(session, OURS, "member", "mia")
        found += _seeing_other_than(_member_rows, session, ground.tables, "a member")
        for role, user in STRANGERS:
            identify(session, OURS, role, user)
            who = f"role {role!r} of user {user!r}"
            found += _seeing_other_than(lambda _: 0, session, _guarded(ground), who)
    return found


def members_write_their_own(ground: Ground) -> list[str]:
    """Neither in another's name, nor over another's row, nor by handing a row over."""
    found: list[str] = []
    with ground.session(PROBE) as session:
        identify(session, OURS, "member", "mia")
        for table in _guarded(ground):
            for name, statement, parameters, expected in _member_writes(table):
                if (outcome := _outcome(session, statement, parameters)) != expected:
                    found.append(f"{table}: a member's {name}: {outcome}, not {expected}")
    return found


Write = tuple[str, sql.Composed, dict[str, Any], int | str]


def _member_writes(table: TenantTable) -> Iterator[Write]:
    all_rows: list[tuple[str, LiteralString]] = [
        ("update", "UPDATE {t} SET {c} = {c}"),
        ("delete", "DELETE FROM {t}"),
    ]
    for name, statement in all_rows:
        yield name, on(table, statement), {}, _member_rows(table)
    others = row(table, OURS, 7, user="milo")
    yield "insert in another's name", insertion(table, others), others, DENIED
    if table.has_users:
        own = row(table, OURS, 8, user="mia")
        yield "insert", insertion(table, own), own, 1
        yield "gift", on(table, "UPDATE {t} SET user_id = 'milo'"), {}, DENIED


def _guarded(ground: Ground) -> list[TenantTable]:
    return [t for t in ground.tables if t.has_users or t.name in HIDDEN_FROM_MEMBERS]


def _member_rows(table: TenantTable) -> int:
    if table.name in HIDDEN_FROM_MEMBERS:
        return 0
    return 1 if table.has_users else rows_of(table)


def _seeing_other_than(
    expected: Callable[[TenantTable], int],
    session: Connection,
    tables: Iterable[TenantTable],
    who: str,
) -> Iterator[str]:
    for table in tables:
        seen = session.execute(on(table, "SELECT FROM {t}")).rowcount
        if seen != expected(table):
            yield f"{table}: {who} sees {seen} rows, not {expected(table)}"


def _outcome(
    session: Connection, statement: sql.Composed, parameters: dict[str, Any]
) -> int | str | None:
    try:
        with session.transaction(force_rollback=True):
            return session.execute(statement, parameters).rowcount
    except psycopg.Error as error:
        return error.sqlstate


CHECKS: list[Check] = [
    stronger_roles_see_their_organisation,
    members_see_their_own,
    members_write_their_own,
]

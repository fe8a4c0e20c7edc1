"""The catalogue as it is after the migrations, and that the lints see what they are there for."""

from __future__ import annotations

import pytest

from shared.schema import logins
from tests.security.catalogue import tenant_tables
from tests.security.ground import SERVICES, Check, Ground
from tests.security.lints import CHECKS

BY_NAME = {check.__name__: check for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_catalogue_is_in_order(ground: Ground, check: Check) -> None:
    assert check(ground) == []


def test_every_table_of_tenants_is_on_the_list(ground: Ground) -> None:
    """The checks are as good as their list; it holds at least what stands on the ground floor."""
    assert {"organisations", "members", "api_keys", "events", "audit_entries"} <= {
        table.name for table in ground.tables
    }


@pytest.mark.parametrize(
    ("lint", "spoil"),
    [
        ("r1_row", "CREATE TABLE app.notes (org_id uuid)"),
        ("r2_no", "GRANT pg_read_all_data TO footfall_bi"),
        ("r2_no", "ALTER ROLE footfall_pricing BYPASSRLS"),
        ("r2_no", "ALTER TABLE app.sessions OWNER TO footfall_insight"),
        ("r3_", "GRANT SELECT ON app.events_timeless TO footfall_bi"),
        ("r3_", "GRANT SELECT (data) ON app.events_timeless TO PUBLIC"),
        ("r4_every", "CREATE POLICY second ON app.members USING (true)"),
        ("r4_every", "ALTER POLICY members_tenant ON app.members TO footfall_bi"),
        ("r4_no", "ALTER TABLE app.members DISABLE ROW LEVEL SECURITY"),
        ("r5_", "CREATE VIEW app.everybody AS SELECT * FROM app.members"),
        ("r5_", "CREATE MATERIALIZED VIEW app.everybody AS SELECT * FROM app.members"),
        ("r7_", "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1"),
        ("r7_", "ALTER FUNCTION app.find_api_key(text) RESET search_path"),
        ("r7_", "GRANT EXECUTE ON FUNCTION app.find_api_key(text) TO PUBLIC"),
        ("r8_", "CREATE UNIQUE INDEX ON app.api_keys (key_id)"),
        ("r9_", "CREATE TABLE app.n (org_id uuid, n int UNIQUE, m int REFERENCES app.n (n))"),
        ("r10_services", "GRANT TRUNCATE ON app.events TO footfall_event_ingest"),
        ("r10_services", "GRANT SELECT ON app.events TO footfall_bi WITH GRANT OPTION"),
        ("r10_services", "GRANT CREATE ON SCHEMA app TO footfall_insight"),
        ("r10_the", "GRANT USAGE ON SCHEMA app TO PUBLIC"),
        ("r10_the", "GRANT SELECT ON app.schema_version TO PUBLIC"),
        ("r11_", "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO footfall_bi"),
        ("r27_", "CREATE SEQUENCE app.numbers"),
        ("r27_", "CREATE SEQUENCE jobs.numbers"),
        ("prices_are", "GRANT UPDATE ON app.price_versions TO footfall_pricing"),
        ("prices_are", "GRANT INSERT (problem) ON app.price_changes TO footfall_bi"),
        ("prices_are", "GRANT EXECUTE ON FUNCTION app.price_apply TO footfall_insight"),
        ("prices_are", "GRANT EXECUTE ON FUNCTION app.price_close TO footfall_pricing"),
        ("prices_are", "GRANT CREATE ON SCHEMA app TO footfall_price_guard"),
        ("prices_are", "ALTER TABLE app.price_versions OWNER TO footfall_price_guard"),
        ("prices_are", "ALTER ROLE footfall_price_guard BYPASSRLS"),
        ("prices_are", "ALTER ROLE footfall_price_guard LOGIN"),
        ("prices_are", "GRANT footfall_price_guard TO footfall_pricing"),
        ("r2_no", "GRANT footfall_price_guard TO footfall_pricing"),
        ("r7_", "ALTER FUNCTION app.price_decide OWNER TO footfall_owner"),
        ("r7_", "ALTER FUNCTION app.price_decide RESET search_path"),
        ("jobs_are", "GRANT SELECT ON jobs.procrastinate_jobs TO footfall_bi"),
        ("jobs_are", "GRANT TRUNCATE ON jobs.procrastinate_jobs TO footfall_insight"),
        ("jobs_are", "GRANT SELECT ON jobs.procrastinate_jobs_id_seq TO footfall_insight"),
        ("jobs_are", "GRANT USAGE ON SCHEMA jobs TO PUBLIC"),
        ("jobs_are", "GRANT EXECUTE ON FUNCTION jobs.procrastinate_retry_job_v2 TO PUBLIC"),
    ],
)  # fmt: skip
def test_each_lint_sees_its_fault(ground: Ground, lint: str, spoil: str) -> None:
    check = next(check for name, check in BY_NAME.items() if name.startswith(lint))
    mend = {
        "GRANT pg_read": "REVOKE pg_read_all_data FROM footfall_bi",
        "ALTER ROLE footfall_pricing": "ALTER ROLE footfall_pricing NOBYPASSRLS",
        "ALTER ROLE footfall_price_guard": "ALTER ROLE footfall_price_guard NOLOGIN NOBYPASSRLS",
        "GRANT footfall_price_guard": "REVOKE footfall_price_guard FROM footfall_pricing",
    }
    with ground.database.connect() as admin:
        try:
            admin.execute(spoil.encode())
            assert check(Ground(ground.database, tenant_tables(admin))) != []
        finally:  # roles outlive the clone
            for start, statement in mend.items():
                if spoil.startswith(start):
                    admin.execute(statement.encode())


def test_a_table_of_the_next_migration_is_nobody_s_until_it_is_granted(ground: Ground) -> None:
    with ground.database.connect(logins.OWNER) as owner:
        owner.execute("CREATE TABLE app.notes (org_id uuid)")
        owner.execute("CREATE FUNCTION app.note() RETURNS int LANGUAGE sql RETURN 1")
    with ground.database.connect() as admin:
        for login in (*SERVICES, logins.MAINTENANCE):
            may = admin.execute(
                "SELECT has_any_column_privilege(%(login)s, 'app.notes', 'SELECT, INSERT, UPDATE'),"
                " has_table_privilege(%(login)s, 'app.notes', 'DELETE, TRUNCATE'),"
                " has_function_privilege(%(login)s, 'app.note()', 'EXECUTE')",
                {"login": login},
            ).fetchone()
            assert may == (False, False, False), login

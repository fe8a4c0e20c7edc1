"""Statements of every kind, sent as the logins of services: no price moves but by the functions."""

from __future__ import annotations

from uuid import uuid4

import pytest

from shared.schema import logins
from shared.schema.price_guard import FUNCTIONS, GUARD, NOT_CALLED_BY_SERVICES
from tests.guarding import ANN, BOB, LOGIN, NOTICE, Till, identified, refusal

DENIED = "42501"
EVERYONE = (*logins.SERVICES, logins.BI, logins.MAINTENANCE)
IDENTITIES = (("owner", "carl"), ("service", "robot"), ("member", "mia"), ("", ""))
GUARDED = (
    "approvals", "approval_revisions", "approval_verdicts", "price_changes", "price_versions",
    "price_notices", "subscription_prices",
)  # fmt: skip

WRITES = (
    "INSERT INTO app.{t} SELECT * FROM app.{t} ON CONFLICT DO NOTHING",
    "INSERT INTO app.{t} DEFAULT VALUES",
    "INSERT INTO app.{t} (org_id) VALUES (app.current_org()) ON CONFLICT DO NOTHING",
    "UPDATE app.{t} SET org_id = org_id",
    "UPDATE app.{t} SET {c} = DEFAULT WHERE false",
    "DELETE FROM app.{t}",
    "DELETE FROM ONLY app.{t} WHERE false",
    "WITH gone AS (DELETE FROM app.{t} RETURNING *) SELECT * FROM gone",
    "MERGE INTO app.{t} AS t USING (SELECT) AS u ON t.org_id IS NULL WHEN MATCHED THEN DELETE",
    "MERGE INTO app.{t} USING (SELECT) AS u ON false WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
    "MERGE INTO app.{t} USING (SELECT) AS u ON true WHEN MATCHED THEN UPDATE SET {c} = DEFAULT",
    "COPY app.{t} FROM STDIN",
    "COPY app.{t} ({c}) FROM PROGRAM 'true'",
    "TRUNCATE app.{t}",
    "TRUNCATE app.{t} CASCADE",
    "SELECT * FROM app.{t} FOR UPDATE",
    "SELECT * FROM app.{t} FOR KEY SHARE",
    "LOCK TABLE app.{t} IN ACCESS EXCLUSIVE MODE",
    "ALTER TABLE app.{t} DISABLE TRIGGER ALL",
    "ALTER TABLE app.{t} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE app.{t} ALTER COLUMN {c} DROP NOT NULL",
    "ALTER TABLE app.{t} OWNER TO CURRENT_USER",
    "ALTER TABLE app.{t} INHERIT app.tiers",
    "CREATE TRIGGER mine BEFORE INSERT ON app.{t} EXECUTE FUNCTION app.price_close()",
    "CREATE RULE mine AS ON UPDATE TO app.{t} DO INSTEAD NOTHING",
    "CREATE POLICY mine ON app.{t} USING (true)",
    "CREATE INDEX ON app.{t} (org_id)",
    "GRANT UPDATE ON app.{t} TO CURRENT_USER; UPDATE app.{t} SET org_id = org_id",
    "DROP TABLE app.{t}",
)  # fmt: skip
COLUMNS = {
    "approvals": "state", "approval_revisions": "proposed_minor", "approval_verdicts": "verdict",
    "price_changes": "effective_at", "price_versions": "amount_minor",
    "price_notices": "delivered_at", "subscription_prices": "version",
}  # fmt: skip

AROUND = (
    f"SET ROLE {GUARD}",
    f"SET LOCAL ROLE {GUARD}",
    f"SET SESSION AUTHORIZATION {GUARD}",
    "SET ROLE footfall_owner",
    f"GRANT {GUARD} TO CURRENT_USER",
    f"ALTER ROLE {GUARD} LOGIN PASSWORD 'x'",
    f"ALTER ROLE {GUARD} BYPASSRLS",
    f"DROP ROLE {GUARD}",
    f"CREATE ROLE mine IN ROLE {GUARD}",
    f"REASSIGN OWNED BY {GUARD} TO CURRENT_USER",
    "SET session_replication_role = replica",
    "SET LOCAL row_security = off; DELETE FROM app.price_versions",
    "CREATE TABLE app.mine ()",
    "CREATE TEMP TABLE price_versions ()",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION app.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql RETURN now()",
    "CREATE OPERATOR app.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "DO $$ BEGIN EXECUTE 'UPDATE app.price_versions SET amount_minor = 1'; END $$",
    "CREATE OR REPLACE FUNCTION app.current_role() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$",
    "ALTER FUNCTION app.price_decide SECURITY INVOKER",
    "ALTER FUNCTION app.price_decide SET search_path = pg_temp",
    "ALTER FUNCTION app.price_decide OWNER TO CURRENT_USER",
    "ALTER FUNCTION app.price_decide RENAME TO other",
    "DROP FUNCTION app.price_decide",
    "GRANT EXECUTE ON FUNCTION app.price_close TO CURRENT_USER",
    "UPDATE pg_catalog.pg_proc SET prosecdef = false",
    "UPDATE pg_catalog.pg_authid SET rolsuper = true",
    "SELECT rolpassword FROM pg_catalog.pg_authid",
    "INSERT INTO app.members VALUES (app.current_org(), 'eve', 'owner', false, now())",
    "UPDATE app.members SET role = 'owner'",
    "DELETE FROM app.members",
    "INSERT INTO app.currencies VALUES ('XXQ', 2)",
    "UPDATE app.currencies SET exponent = 0",
    "DELETE FROM app.currencies",
    "UPDATE app.tiers SET tier_id = 'other'",
    "UPDATE app.tiers SET currency = 'JPY'",
    "UPDATE app.tiers SET billing_period = 4",
    "UPDATE app.tiers SET org_id = org_id",
    "DELETE FROM app.tiers",
    "UPDATE app.subscriptions SET client_id = 'other'",
    "UPDATE app.subscriptions SET subscription_id = 'other'",
    "DELETE FROM app.subscriptions",
    "UPDATE app.audit_entries SET actor = 'bob'",
    "DELETE FROM app.audit_entries",
)


@pytest.fixture
def sold(till: Till) -> Till:
    """Something in every table."""
    till.subscribe()
    till.request(ANN, 900)
    change = till.ripe(1100)
    assert till.notice(change) == "OK"
    assert till.apply(change) == "OK"
    return till


def everything(till: Till) -> list[object]:
    return [
        till.database.execute(f"SELECT t::text FROM app.{table} t ORDER BY 1")
        for table in (*GUARDED, "members", "currencies", "tiers", "subscriptions")
    ]


@pytest.mark.parametrize("login", EVERYONE)
def test_no_login_writes_a_price_by_any_statement(sold: Till, login: str) -> None:
    before = everything(sold)
    statements = [
        write.format(t=table, c=COLUMNS[table]) for table in GUARDED for write in WRITES
    ]  # fmt: skip
    with sold.database.connect(login) as connection, connection.transaction():
        for role, who in IDENTITIES:
            identified(connection, sold.org, role, who)
            allowed = {
                statement: state
                for statement in (*statements, *AROUND)
                if (state := refusal(connection, statement)) != DENIED
            }
            assert allowed == {}, f"as {role!r}"
    assert everything(sold) == before


@pytest.mark.parametrize("login", EVERYONE)
def test_no_login_calls_what_is_not_its_own(till: Till, login: str) -> None:
    """The service's calls the functions but not their steps, the others none."""
    with till.database.connect(login) as connection, connection.transaction():
        identified(connection, till.org, "owner", "carl")
        for signature in FUNCTIONS:
            own = login == LOGIN and signature not in NOT_CALLED_BY_SERVICES
            assert own or refusal(connection, _call(signature)) == DENIED, signature
            may = connection.execute(
                "SELECT has_function_privilege('app.' || %s, 'EXECUTE')", (signature,)
            )
            assert may.fetchone() == (own,), signature


def _call(signature: str) -> str:
    """A call with nothing but NULL, of the right types."""
    name, _, types = signature.removesuffix(")").partition("(")
    return f"SELECT app.{name}({', '.join(f'NULL::{one}' for one in types.split(','))})"


@pytest.fixture
def shadows(sold: Till) -> Till:
    """The login may create what it likes, and things of the same names stand beside ours."""
    with sold.database.connect() as admin:
        admin.execute(SHADOWS.encode())
        admin.execute(f"GRANT TEMP ON DATABASE {sold.database.name} TO {LOGIN}".encode())
    return sold


SHADOWS = f"""
CREATE SCHEMA shadow AUTHORIZATION {LOGIN};
CREATE TABLE shadow.members AS SELECT org_id, 'eve' AS subject, 'owner' AS role, false AS disabled
  FROM app.members;
CREATE TABLE shadow.price_versions (LIKE app.price_versions);
CREATE FUNCTION shadow.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;
CREATE OPERATOR shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.yes);
CREATE OPERATOR shadow.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.yes);
CREATE FUNCTION shadow.later(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN false;
CREATE OPERATOR shadow.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = shadow.later);
CREATE FUNCTION shadow.clock_timestamp() RETURNS timestamptz LANGUAGE sql
  RETURN '2999-01-01'::timestamptz;
CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql RETURN '2999-01-01'::timestamptz;
CREATE FUNCTION shadow.btrim(text) RETURNS text LANGUAGE sql RETURN 'x'::text;
CREATE FUNCTION shadow.sha256(bytea) RETURNS bytea LANGUAGE sql RETURN '\\x00'::bytea;
CREATE FUNCTION shadow.current_setting(text, boolean) RETURNS text LANGUAGE sql
  RETURN 'owner'::text;
GRANT ALL ON ALL TABLES IN SCHEMA shadow TO {LOGIN};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shadow TO {LOGIN}, {GUARD};
GRANT USAGE ON SCHEMA shadow TO {GUARD};
"""
TEMPORARY = """
CREATE TEMP TABLE members AS SELECT * FROM shadow.members;
CREATE TEMP TABLE price_versions (LIKE app.price_versions);
CREATE TEMP TABLE approvals (LIKE app.approvals);
CREATE TYPE pg_temp.uuid AS (x int);
CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql
  RETURN '2999-01-01'::timestamptz;
"""


def test_things_of_the_same_names_change_nothing(shadows: Till) -> None:
    """The functions look where they were told to when they were made."""
    waiting = shadows.agreed(1200)
    asked = shadows.request(ANN, 950)
    _, etag, content = shadows.state(asked)
    decide = "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, %s, %s)"
    with shadows.database.connect(LOGIN) as connection:
        connection.execute(TEMPORARY.encode())
        for path in ("shadow, pg_temp, pg_catalog, app", "pg_temp, shadow, app, pg_catalog"):
            connection.execute(f"SET search_path = {path}".encode())
            for who, notes, word in (
                ("eve", "yes", "ROLE"), (ANN, "yes", "SELF_APPROVAL"), (BOB, " ", "INCOMPLETE"),
            ):  # fmt: skip
                with connection.transaction():
                    identified(connection, shadows.org, "admin", who)
                    parameters = (shadows.org, asked, etag, content, notes, asked)
                    assert connection.execute(decide, parameters).fetchone() == (word,)
            with connection.transaction():
                identified(connection, shadows.org, "service", "worker")
                applied = connection.execute(
                    "SELECT app.price_apply(%s, %s)", (shadows.org, waiting)
                )
                assert applied.fetchone() == ("TOO_EARLY",)
        with connection.transaction():
            identified(connection, shadows.org, "admin", BOB)
            parameters = (shadows.org, asked, etag, content, "yes", asked)
            assert connection.execute(decide, parameters).fetchone() == ("OK",)
    assert shadows.price() == 1100
    assert shadows.apply(asked) == "OK"
    assert shadows.price() == 950


def test_whoever_the_transaction_was_for_before_counts_no_more(till: Till) -> None:
    """An identity that changes on the way, and settings that are put by hand."""
    asked = till.request(ANN, 900)
    _, etag, content = till.state(asked)
    decide = "SELECT app.price_decide(%s, %s, %s, %s, 1::smallint, 'yes', %s)"
    parameters = (till.org, asked, etag, content, asked)
    with till.database.connect(LOGIN) as connection, connection.transaction():
        identified(connection, till.org, "admin", BOB)
        for role, who, word in (
            ("service", "robot", "ROLE"), ("admin", "robot", "ROLE"), ("member", "mia", "ROLE"),
            ("admin", ANN, "SELF_APPROVAL"),
        ):  # fmt: skip
            identified(connection, till.org, role, who)
            assert connection.execute(decide, parameters).fetchone() == (word,)
        connection.execute("SET LOCAL app.user_id = 'robot'; SET LOCAL app.role = 'owner'")
        assert connection.execute(decide, parameters).fetchone() == ("ROLE",)
        connection.execute("SELECT set_config('app.org_id', gen_random_uuid()::text, true)")
        assert connection.execute(decide, parameters).fetchone() == ("ROLE",)
    assert till.state(asked)[0] == 1


SETTINGS = (
    "SET TimeZone = 'America/New_York'",
    "SET DateStyle = 'SQL, DMY'",
    "SET IntervalStyle = sql_standard",
    "SET transform_null_equals = on",
    "SET standard_conforming_strings = off",
    "SET escape_string_warning = off",
    "SET extra_float_digits = -15",
    "SET array_nulls = off",
    "SET bytea_output = escape",
    "SET default_transaction_isolation = 'read uncommitted'",
    "SET search_path = ''",
)
"""What a login may set for itself, and might hope to be understood differently by."""


def test_what_a_login_may_set_changes_no_rule(till: Till) -> None:
    asked, other = till.request(ANN, 1100), till.request(ANN, 900)
    decide = "SELECT app.price_decide(%s, %s, 1, %s, 1::smallint, 'yes', %s)"
    request = (
        "SELECT app.price_request(%s, %s, NULL, 'pro', 1100, 'EUR', NULL, 'why',"
        " '{\"a\": 0.1, \"b\": 1e20}', '[]', 'ann', NULL, NULL)"
    )
    with till.database.connect(LOGIN) as connection:
        for setting in SETTINGS:
            connection.execute(setting.encode())
        with connection.transaction():
            identified(connection, till.org, "admin", ANN)
            for one in (asked, other):
                parameters = (till.org, one, till.state(one)[2], one)
                assert connection.execute(decide, parameters).fetchone() == ("SELF_APPROVAL",)
            under = uuid4()
            assert connection.execute(request, (till.org, under)).fetchone() == ("OK",)
        with connection.transaction():
            identified(connection, till.org, "admin", BOB)
            parameters = (till.org, asked, till.state(asked)[2], asked)
            assert connection.execute(decide, parameters).fetchone() == ("OK",)
    assert till.database.execute("SELECT effective_at - approved_at FROM app.price_changes") == [
        (NOTICE,)
    ]
    assert till.database.execute(
        "SELECT content_hash = app.price_content_hash(org_id, approval_id, 'pro', base_version,"
        " current_minor, proposed_minor, currency, requested_effective_at, reason, evidence, risks)"
        " FROM app.approval_revisions"
    ) == [(True,)] * 3  # fmt: skip


def test_row_security_that_is_switched_off_shows_nothing_to_the_functions(till: Till) -> None:
    asked = till.request(ANN, 900)
    with till.database.connect(LOGIN) as connection, connection.transaction():
        identified(connection, till.org, "admin", BOB)
        content = till.state(asked)[2].hex()
        statement = (
            f"SET LOCAL row_security = off; SELECT app.price_decide('{till.org}', '{asked}', 1,"
            f" '\\x{content}', 1::smallint, 'yes', '{asked}')"
        )
        assert refusal(connection, statement) == DENIED
    assert till.state(asked)[0] == 1

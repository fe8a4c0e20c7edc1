"""What the catalogue must say: checks R1 to R12, each a query whose every row is a finding."""

from __future__ import annotations

import textwrap
from typing import LiteralString

from shared.schema import logins
from shared.schema.price_guard import FUNCTIONS, GUARD, NOT_CALLED_BY_SERVICES
from tests.security.catalogue import WORDS
from tests.security.ground import PROBE, SERVICES, Check, Ground

DEFINERS = [
    "add_event_partition(timestamp with time zone,timestamp with time zone)",
    "drop_event_partition(text)",
    "find_api_key(text)",
    "touch_api_key(uuid,text)",
]
"""Functions that run as their owner, who sees everything. Each was reviewed: docs/security.md."""

GUARDS = [one.replace("timestamptz", "timestamp with time zone") for one in FUNCTIONS]
"""Functions that run as the guard of prices, whom row-level security binds."""

GUARDED = [
    "approval_revisions", "approval_verdicts", "approvals", "price_changes", "price_notices",
    "price_versions", "subscription_prices",
]  # fmt: skip
"""Tables that nobody else writes."""

NUMBERS_OF_JOBS = [
    "procrastinate_events_id_seq",
    "procrastinate_jobs_id_seq",
    "procrastinate_periodic_defers_id_seq",
    "procrastinate_workers_id_seq",
]
"""Sequences that only the worker of insight may look at: no RPC tells a number of theirs."""

OURS_ONLY = "(org_id = app.current_org())"
"""What every policy begins with; anything else must be joined to it by AND."""

_TENANT = """c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_attribute o
    WHERE o.attrelid = c.oid AND o.attname = 'org_id' AND NOT o.attisdropped)"""


def _lint(name: str, finding: LiteralString, query: LiteralString) -> Check:
    """A check from a query; `finding` is filled from the columns of each row it returns."""

    def check(ground: Ground) -> list[str]:
        parameters = {
            "tables": [table.name for table in ground.tables],
            "bound": list(SERVICES),
            "logins": [login.name for login in logins.LOGINS],
            "owner": logins.OWNER,
            "probe": PROBE,
            "definers": DEFINERS,
            "words": list(WORDS),
            "guard": GUARD,
            "guards": GUARDS,
            "guarded": GUARDED,
            "steps": [one.partition("(")[0] for one in NOT_CALLED_BY_SERVICES],
            "numbers_of_jobs": NUMBERS_OF_JOBS,
            "ours_only": OURS_ONLY,
        }
        statement = textwrap.dedent(query).replace("TENANT", _TENANT)
        with ground.database.connect() as admin:
            rows = admin.execute(statement.encode(), parameters).fetchall()
        return [finding.format(*row) for row in rows]

    check.__name__ = name
    return check


CHECKS: list[Check] = [
    _lint(
        "r1_row_security_is_enabled_and_forced",
        "{}: row-level security is not both enabled and forced",
        """
        SELECT c.relname FROM pg_class c WHERE TENANT AND NOT c.relispartition
        AND c.relname = ANY (%(tables)s) AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        """,
    ),
    _lint(
        "r2_no_login_stands_above_the_walls",
        "{}: {}",
        """
        SELECT r.rolname, p.power FROM pg_roles r CROSS JOIN LATERAL (VALUES
          ('superuser', r.rolsuper),
          ('may create roles', r.rolcreaterole),
          ('may create databases', r.rolcreatedb),
          ('may replicate', r.rolreplication),
          ('bypasses row security', r.rolbypassrls AND r.rolname = ANY (%(bound)s)),
          ('is a member of another role', EXISTS (
            SELECT FROM pg_auth_members m WHERE m.member = r.oid
            AND NOT (r.rolname = %(owner)s AND m.roleid = %(guard)s::text::regrole))),
          ('owns a relation', r.rolname <> %(owner)s AND EXISTS (
            SELECT FROM pg_class c WHERE c.relowner = r.oid)),
          ('owns a function', r.rolname <> %(owner)s AND EXISTS (
            SELECT FROM pg_proc f WHERE f.proowner = r.oid))) AS p (power, has)
        WHERE p.has AND r.rolname = ANY (%(logins)s)
        """,
    ),
    _lint(
        "r3_partitions_are_walled_or_out_of_reach",
        "{}: a child without row security, and {} may touch it",
        """
        SELECT c.relname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
        FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
        JOIN pg_class parent ON parent.oid = i.inhparent
        CROSS JOIN LATERAL (
          SELECT (aclexplode(c.relacl)).grantee UNION
          SELECT (aclexplode(k.attacl)).grantee FROM pg_attribute k WHERE k.attrelid = c.oid) a
        WHERE TENANT AND a.grantee <> c.relowner AND parent.relname = ANY (%(tables)s)
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        """,
    ),
    _lint(
        "r4_every_table_has_the_one_policy_of_its_organisation",
        "{}: {}",
        """
        SELECT c.relname, f.finding FROM pg_class c
        LEFT JOIN LATERAL (
          SELECT count(*) AS policies, bool_and(p.polpermissive) AS permissive,
            bool_and(p.polcmd = '*') AS for_all, bool_and(p.polroles = '{0}') AS for_everyone,
            min(pg_get_expr(p.polqual, p.polrelid)) AS qual,
            min(pg_get_expr(p.polwithcheck, p.polrelid)) AS with_check
          FROM pg_policy p WHERE p.polrelid = c.oid) p ON true
        CROSS JOIN LATERAL (VALUES
          ('not exactly one policy', p.policies <> 1),
          ('a policy that is not for all commands and logins',
            NOT (p.permissive AND p.for_all AND p.for_everyone)),
          ('WITH CHECK differs from USING', p.with_check IS DISTINCT FROM p.qual),
          ('the policy does not begin with the organisation',
            p.qual IS DISTINCT FROM %(ours_only)s
            AND NOT starts_with(p.qual, '(' || %(ours_only)s || ' AND ')),
          ('a policy lets in who has no organisation', p.qual ~* 'IS NULL|coalesce|true')
        ) AS f (finding, found)
        WHERE TENANT AND NOT c.relispartition AND c.relname = ANY (%(tables)s) AND f.found
        """,
    ),
    _lint(
        "r4_no_policy_sleeps",
        "{}: has policies and no row security",
        """
        SELECT DISTINCT p.polrelid::regclass::text FROM pg_policy p
        JOIN pg_class c ON c.oid = p.polrelid WHERE NOT c.relrowsecurity
        """,
    ),
    _lint(
        "r5_r6_views_show_no_more_than_their_tables",
        "{}: a view that is not security_invoker, or a materialized one",
        """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND (c.relkind = 'm'
          OR (c.relkind = 'v' AND NOT coalesce(c.reloptions::text[]
            && ARRAY['security_invoker=true', 'security_invoker=on'], false)))
        """,
    ),
    _lint(
        "r7_functions_of_the_owner_are_few_and_fixed",
        "{}: {}",
        """
        SELECT f.signature, l.finding FROM (
          SELECT f.*, replace(f.oid::regprocedure::text, 'app.', '') AS signature
          FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
          WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')) f
        CROSS JOIN LATERAL (VALUES
          ('runs as its owner and is not on the reviewed list',
            f.prosecdef AND NOT f.signature = ANY (CASE f.proowner
              WHEN %(guard)s::text::regrole THEN %(guards)s::text[] ELSE %(definers)s::text[] END)),
          ('runs as its owner with a search_path that a caller may choose',
            f.prosecdef AND NOT coalesce(
              'search_path=pg_catalog, pg_temp' = ANY (f.proconfig), false)),
          ('may be called by everyone', f.proacl IS NULL OR EXISTS (
            SELECT FROM aclexplode(f.proacl) a WHERE a.grantee = 0)),
          ('claims to be leakproof', f.proleakproof)) AS l (finding, found)
        WHERE l.found
        """,
    ),
    _lint(
        "r8_unique_keys_begin_with_the_organisation",
        "{}: a unique key that spans organisations tells one what the other has",
        """
        SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE TENANT AND i.indisunique AND a.attname IS DISTINCT FROM 'org_id'
        """,
    ),
    _lint(
        "r9_foreign_keys_carry_the_organisation",
        "{}: a foreign key without org_id on both sides reaches into other organisations",
        """
        SELECT k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
        WHERE TENANT AND k.contype = 'f' AND (a.attname <> 'org_id' OR b.attname <> 'org_id')
        AND NOT k.confrelid::regclass::text = ANY (%(words)s)
        """,
    ),
    _lint(
        "r10_services_may_read_and_write_rows_and_nothing_more",
        "{} has {} on {}",
        """
        SELECT a.grantee::regrole::text, a.privilege_type, c.oid::regclass::text
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE n.nspname = 'app' AND a.grantee <> c.relowner
        AND (a.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') OR a.is_grantable)
        UNION ALL
        SELECT r.rolname, v.privilege, n.nspname FROM pg_roles r CROSS JOIN pg_namespace n
        CROSS JOIN LATERAL (VALUES ('CREATE')) AS v (privilege)
        WHERE r.rolname = ANY (%(logins)s) AND r.rolname <> %(owner)s
        AND has_schema_privilege(r.oid, n.oid, v.privilege) AND NOT pg_is_other_temp_schema(n.oid)
        UNION ALL
        SELECT r.rolname, v.privilege, current_database() FROM pg_roles r
        CROSS JOIN LATERAL (VALUES ('CREATE'), ('TEMP')) AS v (privilege)
        WHERE r.rolname = ANY (%(logins)s) AND r.rolname <> %(owner)s
        AND has_database_privilege(r.oid, current_database(), v.privilege)
        """,
    ),
    _lint(
        "r10_the_public_has_nothing",
        "PUBLIC has {} on {}",
        """
        SELECT a.privilege_type, n.nspname FROM pg_namespace n
        CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        WHERE a.grantee = 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        UNION ALL
        SELECT a.privilege_type, d.datname FROM pg_database d
        CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        WHERE a.grantee = 0 AND d.datname = current_database()
        UNION ALL
        SELECT a.privilege_type, c.relname FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE a.grantee = 0 AND n.nspname = 'app'
        """,
    ),
    _lint(
        "r11_what_the_next_migration_makes_is_out_of_reach",
        "the default privileges give {} to {}",
        """
        SELECT a.privilege_type, CASE WHEN a.grantee = 0 THEN 'PUBLIC'
          ELSE a.grantee::regrole::text END
        FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) a
        WHERE a.grantee <> d.defaclrole
        """,
    ),
    _lint(
        "r12_no_extension_shows_what_others_asked",
        "the extension {} is installed",
        "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'",
    ),
    _lint(
        "r27_no_sequence_counts_for_everyone",
        "{}: a sequence that all organisations share tells one how busy the others are",
        """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'S' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND NOT (n.nspname = 'jobs' AND c.relname = ANY (%(numbers_of_jobs)s))
        """,
    ),
    _lint(
        "prices_are_in_the_hands_of_their_guard_alone",
        "{}: {}",
        """
        SELECT c.relname, 'written by ' || CASE WHEN a.grantee = 0 THEN 'PUBLIC'
          ELSE a.grantee::regrole::text END
        FROM pg_class c CROSS JOIN LATERAL (
          SELECT (aclexplode(c.relacl)).* UNION
          SELECT (aclexplode(k.attacl)).* FROM pg_attribute k WHERE k.attrelid = c.oid) a
        WHERE c.relnamespace = to_regnamespace('app') AND c.relname = ANY (%(guarded)s)
        AND a.privilege_type <> 'SELECT'
        AND a.grantee NOT IN (c.relowner, %(guard)s::text::regrole,
          coalesce(to_regrole(%(probe)s::text), 0))
        UNION ALL
        SELECT f.oid::regprocedure::text, 'called by ' || CASE WHEN a.grantee = 0 THEN 'PUBLIC'
          ELSE a.grantee::regrole::text END
        FROM pg_proc f
        CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
        WHERE f.proowner = %(guard)s::text::regrole AND a.grantee <> f.proowner
        AND (a.grantee <> 'footfall_pricing'::regrole
          OR f.proname = ANY (%(steps)s))
        UNION ALL
        SELECT r.rolname, p.power FROM pg_roles r CROSS JOIN LATERAL (VALUES
          ('may log in', r.rolcanlogin),
          ('stands above the walls',
            r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication),
          ('is a member of another role', EXISTS (
            SELECT FROM pg_auth_members m WHERE m.member = r.oid)),
          ('may be taken by others than the owner of the schema', EXISTS (
            SELECT FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.member
            WHERE m.roleid = r.oid AND NOT o.rolsuper AND o.rolname <> %(owner)s
            AND NOT o.rolcreaterole)),
          ('owns a relation', EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid)),
          ('may create', has_schema_privilege(r.oid, 'app', 'CREATE'))) AS p (power, has)
        WHERE p.has AND r.rolname = %(guard)s::text
        """,
    ),
    _lint(
        "jobs_are_in_the_hands_of_their_worker_alone",
        "{} has {} on {}, which is of the schema jobs",
        """
        SELECT CASE WHEN h.grantee = 0 THEN 'PUBLIC' ELSE h.grantee::regrole::text END,
          h.privilege_type, h.name
        FROM (
          SELECT n.nspowner AS owner, n.nspname::text AS name, a.grantee, a.privilege_type,
            'USAGE' AS needed
          FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a WHERE n.nspname = 'jobs'
          UNION ALL
          SELECT c.relowner, c.relname, a.grantee, a.privilege_type,
            CASE c.relkind WHEN 'S' THEN 'USAGE' ELSE 'SELECT INSERT UPDATE DELETE' END
          FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
          WHERE c.relnamespace = to_regnamespace('jobs')
          UNION ALL
          SELECT f.proowner, f.proname, a.grantee, a.privilege_type, 'EXECUTE' FROM pg_proc f
          CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
          WHERE f.pronamespace = to_regnamespace('jobs')
        ) AS h
        WHERE h.grantee <> h.owner AND NOT (
          h.grantee = 'footfall_insight'::regrole
          AND h.privilege_type = ANY (string_to_array(h.needed, ' ')))
        """,
    ),
]
